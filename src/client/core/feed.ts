/**
 * What the other devices of this account do, from the archive (PROTOCOL.md, "Several devices"): what they sent, what they
 * took before this one was given it, and what they noted on chats.
 */
import type { EnvelopeHeader } from "../../crypto/envelope-header.js";
import type { AccountId, DeviceId } from "../../protocol/ids.js";
import { FastChatError, type ErrorCode } from "../../protocol/errors.js";
import type { Payload } from "../../protocol/payload.js";
import type { Clock, Random } from "../../protocol/runtime.js";
import type { Archive, ArchiveHead, PageEntry } from "./archive.js";
import { RECONNECT, backoffMs, chanceOf } from "./backoff.js";
import type { Chats } from "./chats.js";
import type { Contacts } from "./contacts.js";
import type { Conversations, Judgement } from "./conversations.js";
import type { Display } from "./display.js";
import type { Delivered, Entries } from "./entries.js";
import type { FeedPosition } from "./feed-position.js";
import type { Groups } from "./groups.js";
import type { Ledger } from "./ledger.js";
import type { GroupRef, SentElsewhere } from "./messages.js";
import { fileOf, isSeen, textOf } from "./payload-text.js";
import { shownGroup } from "./peers.js";
import type { ReceiptSender } from "./receipt-sender.js";
import type { ReadMarks } from "./read-marks.js";
import { Signal } from "./signal.js";
import { within } from "./within.js";

export interface FeedContext {
  /** This one. */
  readonly device: DeviceId;
  readonly archive: Pick<Archive, "comePast" | "follow" | "isOwn" | "standing" | "whenChanged">;
  /** Where it begins, and is kept; `null` to begin with what comes from now on. */
  readonly position: Pick<FeedPosition, "load" | "save"> | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly entries: Entries;
  readonly ledger: Pick<Ledger, "isGenuine">;
  readonly contacts: Pick<Contacts, "byAccount">;
  readonly groups: Pick<Groups, "hearTitle" | "learnFrom" | "titleOf">;
  readonly conversations: Pick<Conversations, "judge">;
  readonly chats: Pick<Chats, "learn" | "noteOf">;
  readonly display: Display;
  readonly receiptSender: Pick<ReceiptSender, "got">;
  /** Where what is shown counts as read. */
  readonly readMarks: ReadMarks | null;
  onSent(message: SentElsewhere): void | Promise<void>;
  /** A handler failed. */
  onFailure(error: Error): void;
}

/** What says that nobody can be asked for a name just now. */
const AWAY: ReadonlySet<ErrorCode> = new Set(["unreachable", "unavailable", "timeout", "tooMany"]);

/** How long what comes now waits for what was missed, in milliseconds. */
const CATCH_UP_MS = 2_000;

export class Feed {
  #stopped = false;
  /** Up to where everything was shown; `null` where nothing is known to have been missed. */
  #head: ArchiveHead | null = null;
  #begun: Promise<void> = Promise.resolve();
  /** It has shown something, or ended. */
  readonly #moved = new Signal();
  #wake: () => void = () => undefined;

  constructor(private readonly context: FeedContext) {}

  start(): void {
    this.#begun = this.#begin();
    this.#begun
      .then(() => this.#run())
      .catch((error: unknown) => {
        if (!this.#stopped) this.context.onFailure(error as Error);
      });
  }

  /** Shows nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#moved.notify();
    this.#wake();
  }

  /**
   * Once everything has been shown that stood in the archive when it was opened last: what this device missed while it was
   * away from it, at the start or since. It is not waited for any longer where the archive has been away for a while.
   */
  async caughtUp(): Promise<void> {
    const { archive, clock } = this.context;
    // A failure to begin is told by the one who began.
    await this.#begun.catch(() => undefined);
    while (!this.#stopped && this.#head !== null) {
      const { since, opened } = archive.standing;
      if (opened !== null && archive.comePast(this.#head.counter) >= opened) return;
      const left = Math.min(CATCH_UP_MS, since + CATCH_UP_MS - clock.now());
      if (left <= 0) return;
      if (!(await within(clock, left, Promise.race([this.#moved.wait(), archive.whenChanged()])))) return;
    }
  }

  /** Once nothing is shown any more: keeps how far that was. */
  async keep(): Promise<void> {
    const { archive, position } = this.context;
    if (this.#head === null || position === null) return;
    await position.save({ ...this.#head, counter: archive.comePast(this.#head.counter) });
  }

  async #begin(): Promise<void> {
    this.#head = (await this.context.position?.load()) ?? null;
  }

  async #run(): Promise<void> {
    const { archive, chats, position } = this.context;
    for (;;) {
      const before = this.#head;
      const following = await this.#next(before);
      if (following === null || this.#stopped) return;
      const { head } = following;
      // Read marks first: what was read elsewhere meanwhile is not shown.
      await chats.learn(following.news?.chats ?? []);
      for (const entry of following.news?.entries ?? []) {
        if (!archive.isOwn(entry.counter)) await this.#take(entry);
        if (this.#stopped) return;
      }
      this.#head = head;
      this.#moved.notify();
      if (head.counter !== before?.counter || head.revision !== before.revision) await position?.save(head);
    }
  }

  /** @returns `null` once the archive is closed: whoever needs it hears of that */
  async #next(head: ArchiveHead | null): Promise<Awaited<ReturnType<Archive["follow"]>> | null> {
    try {
      return await this.context.archive.follow(head);
    } catch (error) {
      if (error instanceof FastChatError) return null;
      throw error;
    }
  }

  async #take(entry: PageEntry): Promise<void> {
    const { entries, device, ledger } = this.context;
    // One that this device knows in another place, or as another one, is told as an alarm, and is no news.
    if ((await ledger.isGenuine(entry)) === false) return;
    let content;
    try {
      content = await entries.open(entry);
    } catch (error) {
      // History shows it as what it is.
      if (error instanceof FastChatError && error.code === "undecryptable") return;
      throw error;
    }
    if (this.#stopped) return;
    if (content.type === "received") {
      // Taken by this device, in an earlier run: it was shown before it was archived.
      if (content.by !== device) await this.#received(entry.entry, entry.counter, content);
    } else if (content.type === "unjudged") {
      const judgement = await this.#judge(content);
      if (judgement.kind !== "genuine") return;
      const { group, payload } = judgement;
      if (group?.byAdmin === true && payload.type === "title") {
        await this.context.groups.hearTitle(group.id, payload, judgement.header);
      }
      const { sender, message } = judgement.header;
      await this.#received(await entries.tagOf(sender, message), entry.counter, judgement);
    } else if (content.type === "sent" && content.header.device !== device) {
      const { header, payload, recipients } = content;
      if (!isSeen(payload)) return;
      const group = await this.#groupOf(header, payload);
      const to: string[] = group === null ? [] : [shownGroup(group.id, group.title)];
      for (const recipient of recipients) to.push(await this.#nameOf(recipient));
      if (this.#stopped) return;
      await this.context.onSent({
        id: header.message,
        to: to.join(", "),
        conversation: header.conversation,
        text: textOf(payload),
        at: header.sentAt,
        counter: entry.counter,
        file: fileOf(payload),
      });
    } else if (content.type === "groupEvent" || content.type === "groupTitle") {
      await this.context.groups.learnFrom(entry);
    }
  }

  async #groupOf({ epoch, conversation }: EnvelopeHeader, payload: Payload): Promise<GroupRef | null> {
    if (epoch === 0) return null;
    const title = payload.type === "title" ? payload.title : await this.context.groups.titleOf(conversation);
    return { id: conversation, title };
  }

  /**
   * Another device took it.
   *
   * @param tag that the archive knows the message by, or would, had it been judged before it was archived
   */
  async #received(
    tag: Uint8Array,
    counter: number,
    { header, payload }: { readonly header: EnvelopeHeader; readonly payload: Payload },
  ): Promise<void> {
    const { chats, display, readMarks, receiptSender } = this.context;
    const { message, sender, conversation, sentAt, sequence } = header;
    if (!isSeen(payload)) return;
    const { read } = await chats.noteOf(conversation);
    if (counter <= read) return;
    const from = await this.#nameOf(sender);
    if (this.#stopped) return;
    await display.show(tag, {
      id: message,
      from,
      fromAccount: sender,
      conversation,
      group: await this.#groupOf(header, payload),
      text: textOf(payload),
      at: sentAt,
      number: sequence,
      file: fileOf(payload),
    });
    if (this.#stopped || readMarks === null) return;
    readMarks.seen(conversation, counter);
    await receiptSender.got(header, true);
  }

  /** What another device could not judge is waited for, as names are, where it may be judged at any moment. */
  async #judge(delivered: Delivered): Promise<Judgement> {
    const { conversations, random } = this.context;
    for (let tries = 1; ; tries++) {
      const judgement = await conversations.judge(delivered);
      if (judgement.kind !== "unjudged" || !judgement.soon || this.#stopped) return judgement;
      await this.#pause(backoffMs(tries, chanceOf(random), RECONNECT));
    }
  }

  /**
   * Nobody is shown under another name than elsewhere because the balancer was away for a moment: it is waited for.
   *
   * @returns the account id where no name belongs to it
   */
  async #nameOf(account: AccountId): Promise<string> {
    const { contacts, random } = this.context;
    for (let tries = 1; ; tries++) {
      try {
        return (await contacts.byAccount(account)).name;
      } catch (error) {
        if (!(error instanceof FastChatError)) throw error;
        if (this.#stopped || !AWAY.has(error.code)) return account;
        await this.#pause(backoffMs(tries, chanceOf(random), RECONNECT) + (error.retryAfterMs ?? 0));
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.context.clock.after(ms, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
