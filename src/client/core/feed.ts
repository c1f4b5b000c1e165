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
import type { Display } from "./display.js";
import type { Entries } from "./entries.js";
import type { FeedPosition } from "./feed-position.js";
import type { Ledger } from "./ledger.js";
import type { SentElsewhere } from "./messages.js";
import { textOf } from "./payload-text.js";
import type { ReadMarks } from "./read-marks.js";

export interface FeedContext {
  /** This one. */
  readonly device: DeviceId;
  readonly archive: Pick<Archive, "comePast" | "follow" | "head" | "isOwn">;
  /** Where it begins, and is kept; `null` to begin with what comes from now on. */
  readonly position: Pick<FeedPosition, "load" | "save"> | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly entries: Entries;
  readonly ledger: Pick<Ledger, "isGenuine">;
  readonly contacts: Pick<Contacts, "byAccount">;
  readonly chats: Pick<Chats, "learn" | "noteOf">;
  readonly display: Display;
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
  /** Settles once what was missed has been shown, or is not to be waited for. */
  readonly caughtUp: Promise<void>;
  #catchUp: () => void = () => undefined;
  #stopped = false;
  /** Up to where everything was shown. */
  #head: ArchiveHead | null = null;
  #wake: () => void = () => undefined;

  constructor(private readonly context: FeedContext) {
    this.caughtUp = new Promise((resolve) => {
      this.#catchUp = resolve;
    });
    if (context.position === null) this.#catchUp();
  }

  start(): void {
    const timer = this.context.clock.after(CATCH_UP_MS, () => this.#catchUp());
    void this.caughtUp.then(() => timer.cancel());
    this.#run().catch((error: unknown) => {
      if (!this.#stopped) this.context.onFailure(error as Error);
    });
  }

  /** Shows nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#catchUp();
    this.#wake();
  }

  /** Once nothing is shown any more: keeps how far that was. */
  async keep(): Promise<void> {
    const { archive, position } = this.context;
    if (this.#head === null || position === null) return;
    await position.save({ ...this.#head, counter: archive.comePast(this.#head.counter) });
  }

  async #run(): Promise<void> {
    const { archive, chats, position } = this.context;
    let head = (await position?.load()) ?? null;
    if (head === null || !(await this.#hasMissed(head))) this.#catchUp();
    for (;;) {
      const following = await this.#next(head);
      if (following === null || this.#stopped) return;
      const before = head;
      head = following.head;
      // Read marks first: what was read elsewhere meanwhile is not shown.
      await chats.learn(following.news?.chats ?? []);
      for (const entry of following.news?.entries ?? []) {
        if (!archive.isOwn(entry.counter)) await this.#take(entry);
        if (this.#stopped) return;
      }
      if (following.news?.more !== true) this.#catchUp();
      this.#head = head;
      if (head.counter !== before?.counter || head.revision !== before.revision) await position?.save(head);
    }
  }

  /** @returns false as well where the archive does not tell: nobody waits for it then */
  async #hasMissed({ counter }: ArchiveHead): Promise<boolean> {
    try {
      return (await this.context.archive.head()).counter > counter;
    } catch (error) {
      if (error instanceof FastChatError) return false;
      throw error;
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
    const { entries, readMarks, device, chats, ledger } = this.context;
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
      if (content.by === device) return;
      const { read } = await chats.noteOf(content.header.conversation);
      if (entry.counter <= read) return;
      await this.#show(entry, content.header, content.payload);
      if (this.#stopped) return;
      readMarks?.seen(content.header.conversation, entry.counter);
    } else if (content.type === "sent" && content.header.device !== device) {
      const { header, payload, recipients } = content;
      const to: string[] = [];
      for (const recipient of recipients) to.push(await this.#nameOf(recipient));
      if (this.#stopped) return;
      await this.context.onSent({
        id: header.message,
        to: to.join(", "),
        conversation: header.conversation,
        text: textOf(payload),
        at: header.sentAt,
        counter: entry.counter,
      });
    }
  }

  async #show(
    { entry }: PageEntry,
    { message, sender, conversation, sentAt, sequence }: EnvelopeHeader,
    payload: Payload,
  ): Promise<void> {
    const from = await this.#nameOf(sender);
    if (this.#stopped) return;
    await this.context.display.show(entry, {
      id: message,
      from,
      fromAccount: sender,
      conversation,
      text: textOf(payload),
      at: sentAt,
      number: sequence,
    });
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
