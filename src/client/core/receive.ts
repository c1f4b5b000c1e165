/**
 * What this account gets (PROTOCOL.md, "Receiving"): a delivery is judged, shown, archived, and only then acknowledged,
 * all in the order of arrival. Whatever it looks like, it ends in the archive. Repetitions are recognised while this
 * client runs; for ever they are by the archive.
 */
import { bodyHash } from "../../crypto/archive-entry.js";
import { toHex } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import { encodeAck, type HotHeader, type SendFrame } from "../../protocol/hot.js";
import type { AccountId, DeviceId } from "../../protocol/ids.js";
import type { Clock, Random, Timer } from "../../protocol/runtime.js";
import type { Archive, NewEntry } from "./archive.js";
import { RECONNECT, backoffMs, chanceOf } from "./backoff.js";
import type { Conversations, Judgement } from "./conversations.js";
import type { GroupInvites } from "./group-invites.js";
import type { Groups } from "./groups.js";
import type { Display } from "./display.js";
import type { Delivered, Entries } from "./entries.js";
import type { ReceivedMessage } from "./messages.js";
import { fileOf, isSeen, textOf } from "./payload-text.js";
import type { ReadMarks } from "./read-marks.js";
import type { ReceiptBook } from "./receipt-book.js";
import type { ReceiptSender } from "./receipt-sender.js";
import { RecentMap } from "./recent-map.js";
import { Signal } from "./signal.js";
import { firstUnjudged } from "./twins.js";
import { within } from "./within.js";

export interface ReceiverContext {
  readonly me: AccountId;
  /** This one. */
  readonly device: DeviceId;
  readonly conversations: Pick<Conversations, "judge">;
  readonly groups: Pick<Groups, "hearTitle">;
  readonly invites: Pick<GroupInvites, "answer">;
  readonly entries: Entries;
  readonly archive: Pick<Archive, "append" | "away" | "read">;
  readonly receipts: Pick<ReceiptBook, "flush" | "take">;
  readonly receiptSender: Pick<ReceiptSender, "got">;
  readonly clock: Clock;
  readonly random: Random;
  /** Sends a frame in the session of the moment. @returns false where there is none */
  send(frame: Uint8Array): boolean;
  /** Deliveries are wanted, or, while too many wait for the archive, not wanted. */
  want(deliveries: boolean): void;
  readonly display: Pick<Display, "show">;
  /** Once what came before has been shown, or need not be waited for. */
  caughtUp(): Promise<void>;
  /** Whatever is known of changes of groups is shown before what comes next. */
  tellOfGroups(): void;
  /** Where what is shown counts as read. */
  readonly readMarks: Pick<ReadMarks, "seen"> | null;
  /** It cannot go on. */
  onFailure(error: Error): void;
}

type Genuine = Extract<Judgement, { kind: "genuine" }>;

/** What may wait for the archive before no more is taken. */
export interface ReceiverLimits {
  readonly deliveries: number;
  readonly bytes: number;
}

const LIMITS: ReceiverLimits = { deliveries: 4_096, bytes: 32 * 1024 * 1024 };
/** Settled deliveries that are remembered, so that a repetition is acknowledged and nothing else. */
const REMEMBERED = 8_192;
/** Deliveries kept in memory until their senders' cards can be had; the rest shows in history only. */
const MOST_UNJUDGED = 256;
/** How long what comes waits until somebody who asked is let into a group, in milliseconds. */
const ANSWER_MS = 10_000;
/** How long stopping waits for a message that is being shown, in milliseconds. */
const SHOW_GRACE_MS = 250;
/** How long stopping waits for the archive, in milliseconds. */
const STOP_GRACE_MS = 3_000;

export class Receiver {
  readonly #context: ReceiverContext;
  readonly #limits: ReceiverLimits;
  readonly #queue: Delivered[] = [];
  /** Waiting to be judged or archived, in deliveries and bytes. */
  #waiting = 0;
  #waitingBytes = 0;
  /** Shown and not archived, by key. */
  readonly #shown = new Set<string>();
  readonly #settled = new RecentMap<string, true>(REMEMBERED);
  /** Archived as they came, to be shown once their senders' cards can be had. */
  #unjudged: Delivered[] = [];
  #retry: Timer | null = null;
  #retries = 0;
  #working = false;
  /** The delivery that is being judged and shown. */
  #taking: Promise<void> | null = null;
  #overflowed = false;
  #stopped = false;
  readonly #idle = new Signal();

  constructor(context: ReceiverContext, limits: ReceiverLimits = LIMITS) {
    this.#context = context;
    this.#limits = limits;
  }

  onDeliver(delivery: SendFrame): void {
    if (this.#stopped || this.#overflowed) return;
    const delivered = this.#addressed(delivery);
    this.#waiting += 1;
    this.#waitingBytes += delivered.envelope.length;
    this.#queue.push(delivered);
    if (this.#waiting >= this.#limits.deliveries || this.#waitingBytes >= this.#limits.bytes) {
      // Without an acknowledgement the service keeps what is dropped here. Nothing behind the gap may be taken, or it
      // would be archived before it; so this session's deliveries end here.
      this.#overflowed = true;
      this.#context.want(false);
    }
    void this.#work();
  }

  /** Once everything that was delivered until now has been judged and shown. */
  async whenTaken(): Promise<void> {
    while (!this.#stopped && (this.#working || this.#queue.length > 0)) await this.#idle.wait();
  }

  /** Takes nothing more; what was shown is archived and acknowledged if the archive answers soon. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.cancel();
    for (const dropped of this.#queue.splice(0)) this.#release(dropped);
    const { clock } = this.#context;
    // Whoever stops while a message is shown may wait for just that; then it stays with the service.
    if (this.#taking !== null) await within(clock, SHOW_GRACE_MS, this.#taking);
    this.#context.receipts.flush();
    if (this.#shown.size > 0) await within(clock, STOP_GRACE_MS, this.#archived());
  }

  async #archived(): Promise<void> {
    while (this.#shown.size > 0) await this.#idle.wait();
  }

  /** A delivery to anybody else cannot be opened, and so is judged as what it is. */
  #addressed({ keys, envelope, ...frame }: SendFrame): Delivered {
    const [only] = keys;
    const mine = keys.length === 1 && only?.recipient === this.#context.me;
    return { frame, wrappedKey: mine ? only.key : new Uint8Array(), envelope };
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const taken = next;
        this.#taking = this.#take(taken).catch((error: unknown) => {
          this.#release(taken);
          this.#fail(error as Error);
        });
        await this.#taking;
        this.#taking = null;
      }
    } finally {
      this.#working = false;
      this.#idle.notify();
    }
  }

  async #take(delivered: Delivered): Promise<void> {
    const key = await keyOf(delivered);
    if (this.#shown.has(key)) {
      // It is acknowledged when the archive has it.
      this.#release(delivered);
      return;
    }
    if (this.#settled.get(key) === true) {
      this.#acknowledge(delivered.frame);
      this.#release(delivered);
      return;
    }
    const judgement = await this.#judge(delivered);
    if (this.#stopped) {
      this.#release(delivered);
      return;
    }
    if (judgement.kind === "genuine" && judgement.payload.type === "receipt") {
      this.#settleOnce(this.#context.receipts.take(judgement.header, judgement.payload), key, delivered);
      return;
    }
    const entry = await this.#entryOf(delivered, judgement);
    if (judgement.kind === "genuine") {
      await this.#context.caughtUp();
      if (this.#stopped) {
        this.#release(delivered);
        return;
      }
      await this.#learnTitle(judgement);
      this.#context.tellOfGroups();
      if (isSeen(judgement.payload)) await this.#context.display.show(entry.entry, messageOf(judgement));
      await this.#answer(judgement);
    }
    if (judgement.kind === "unjudged" && judgement.soon) this.#judgeLater(delivered);
    if (judgement.kind === "genuine" && judgement.mayRepeat && (await this.#stands(entry, judgement))) {
      this.#settleOnce(Promise.resolve(), key, delivered);
      return;
    }
    this.#archive(entry, key, delivered, judgement);
  }

  /**
   * Whoever asks to be let into a group of this account's is, if they may be. Before the request is archived: should this client end
   * on the way, it comes again. But nothing waits for it any longer than it takes while the service answers.
   */
  async #answer({ group, payload, header }: Genuine): Promise<void> {
    if (group !== null || payload.type !== "join") return;
    const { clock, invites } = this.#context;
    const answering = invites
      .answer(header.sender, payload)
      .catch((error: unknown) => this.#fail(error as Error));
    await within(clock, ANSWER_MS, answering);
  }

  async #learnTitle({ group, payload, header }: Genuine): Promise<void> {
    if (group?.byAdmin === true && payload.type === "title") {
      await this.#context.groups.hearTitle(group.id, payload, header);
    }
  }

  /** Whether it stands in the archive already, as it was sealed before. Where the archive cannot be asked it is left to history, which shows the first. */
  async #stands({ chat }: NewEntry, { header }: Genuine): Promise<boolean> {
    // What comes behind it is not kept waiting for one that is away.
    if (this.#context.archive.away) return false;
    try {
      return (await firstUnjudged(this.#context, chat, Infinity, header)) !== null;
    } catch (error) {
      if (error instanceof FastChatError) return false;
      throw error;
    }
  }

  /** The card of a sender whose earlier messages wait for it comes to those first: they are shown in order. */
  async #judge(delivered: Delivered): Promise<Judgement> {
    const { account } = delivered.frame;
    if (this.#unjudged.some(({ frame }) => frame.account === account)) {
      return { kind: "unjudged", soon: true };
    }
    return this.#context.conversations.judge(delivered, this.#retry === null);
  }

  #entryOf(delivered: Delivered, judgement: Judgement): Promise<NewEntry> {
    const { entries, clock, device } = this.#context;
    switch (judgement.kind) {
      case "genuine":
        return entries.received(delivered, judgement.header, judgement.bytes, clock.now(), device);
      case "invalid":
        return entries.invalid(delivered, clock.now());
      case "unjudged":
        return entries.unjudged(delivered, clock.now());
    }
  }

  /** Appends in order; the archive answers in that order, and so acknowledgements leave in the order of arrival. */
  #archive(entry: NewEntry, key: string, delivered: Delivered, judgement: Judgement): void {
    const { archive, readMarks, receiptSender } = this.#context;
    // `had` or new, the archive has it.
    const archived = archive.append(entry).then(({ counter }) => {
      if (judgement.kind !== "genuine") return;
      readMarks?.seen(judgement.header.conversation, counter);
      // What nobody sees needs none: a title told once more would bring its author one from each member.
      if (!isSeen(judgement.payload)) return;
      receiptSender
        .got(judgement.header, readMarks !== null)
        .catch((error: unknown) => this.#fail(error as Error));
    });
    this.#settleOnce(archived, key, delivered);
  }

  /** Acknowledges a delivery once the archive has what is kept of it. */
  #settleOnce(archived: Promise<void>, key: string, delivered: Delivered): void {
    this.#shown.add(key);
    archived.then(
      () => {
        this.#shown.delete(key);
        this.#settled.set(key, true);
        this.#acknowledge(delivered.frame);
        this.#release(delivered);
      },
      (error: unknown) => {
        this.#shown.delete(key);
        this.#release(delivered);
        if (!this.#stopped) this.#fail(error as Error);
      },
    );
  }

  /** Where there is no session, the service delivers again, and then it is acknowledged. */
  #acknowledge({ epoch, message, account, conversation }: HotHeader): void {
    this.#context.send(encodeAck({ epoch, message, account, conversation }));
  }

  #release({ envelope }: Delivered): void {
    this.#waiting -= 1;
    this.#waitingBytes -= envelope.length;
    this.#idle.notify();
    if (this.#waiting > 0) return;
    if (!this.#overflowed || this.#stopped) return;
    this.#overflowed = false;
    this.#context.want(true);
  }

  #judgeLater(delivered: Delivered): void {
    if (this.#unjudged.length >= MOST_UNJUDGED) return;
    this.#unjudged.push(delivered);
    this.#retryLater();
  }

  async #showLate(judgement: Genuine): Promise<void> {
    const { entries, display, receipts, receiptSender, readMarks } = this.#context;
    if (judgement.payload.type === "receipt") {
      // It is acknowledged already, and stands in the archive as it came.
      void receipts
        .take(judgement.header, judgement.payload)
        .catch((error: unknown) => this.#fail(error as Error));
      return;
    }
    await this.#learnTitle(judgement);
    if (!isSeen(judgement.payload)) return;
    await receiptSender.got(judgement.header, readMarks !== null);
    const { sender, message } = judgement.header;
    await display.show(await entries.tagOf(sender, message), messageOf(judgement));
  }

  #retryLater(): void {
    if (this.#retry !== null || this.#stopped) return;
    const { clock, random } = this.#context;
    this.#retries += 1;
    this.#retry = clock.after(backoffMs(this.#retries, chanceOf(random), RECONNECT), () => {
      this.#retry = null;
      void this.#judgeAgain();
    });
  }

  async #judgeAgain(): Promise<void> {
    const waiting = [...this.#unjudged];
    const still: Delivered[] = [];
    const held = new Set<AccountId>();
    try {
      for (const delivered of waiting) {
        const { account } = delivered.frame;
        const judgement: Judgement =
          held.has(account) || this.#stopped
            ? { kind: "unjudged", soon: true }
            : await this.#context.conversations.judge(delivered, held.size === 0);
        if (judgement.kind === "genuine") await this.#showLate(judgement);
        if (judgement.kind !== "unjudged" || !judgement.soon) continue;
        held.add(account);
        still.push(delivered);
      }
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    this.#unjudged = [...still, ...this.#unjudged.slice(waiting.length)];
    if (this.#unjudged.length === 0) this.#retries = 0;
    else this.#retryLater();
  }

  #fail(error: Error): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#retry?.cancel();
    for (const dropped of this.#queue.splice(0)) this.#release(dropped);
    this.#context.onFailure(error);
  }
}

/** Names a delivery by all of its header and content: a forgery must not pass for the message whose ids it borrows. */
async function keyOf({ frame, wrappedKey, envelope }: Delivered): Promise<string> {
  const { account, message, conversation, epoch } = frame;
  return `${account}${message}${conversation}${epoch}:${toHex(await bodyHash(wrappedKey, envelope))}`;
}

function messageOf({ header, payload, sender, group }: Genuine): ReceivedMessage {
  return {
    id: header.message,
    from: sender.name,
    fromAccount: sender.account,
    conversation: header.conversation,
    group:
      group === null ? null : { id: group.id, title: payload.type === "title" ? payload.title : group.title },
    text: textOf(payload),
    at: header.sentAt,
    number: header.sequence,
    file: fileOf(payload),
  };
}
