/**
 * Tells those who write to this account that their messages have arrived, or were read (PROTOCOL.md, "Receipts"): a little later,
 * several messages at a time, and in large groups seldom, so that a message to a thousand does not bring a thousand at once.
 */
import type { EnvelopeHeader } from "../../crypto/envelope-header.js";
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId, ConversationId, DeviceId } from "../../protocol/ids.js";
import type { Clock, Random, Timer } from "../../protocol/runtime.js";
import type { Archive, PageEntry } from "./archive.js";
import { chanceOf } from "./backoff.js";
import type { Contacts } from "./contacts.js";
import type { Entries } from "./entries.js";
import type { Groups } from "./groups.js";
import { openOrNull, outOfOrder } from "./page-entries.js";
import { isSeen } from "./payload-text.js";
import type { Outbox } from "./outbox.js";

export interface ReceiptSenderContext {
  readonly me: AccountId;
  readonly contacts: Pick<Contacts, "byAccount">;
  readonly groups: Pick<Groups, "membersAt">;
  readonly archive: Pick<Archive, "read">;
  readonly entries: Entries;
  readonly outbox: Pick<Outbox, "send">;
  readonly clock: Clock;
  readonly random: Random;
  /** What authors are told: nothing, that their messages have arrived, or also that they were read. */
  tells(): "nothing" | "arrival" | "reading";
}

interface Due {
  readonly author: AccountId;
  readonly conversation: ConversationId;
  readonly device: DeviceId;
  readonly from: number;
  to: number;
  readonly read: boolean;
  readonly timer: Timer;
}

/** How long a receipt waits for messages that follow, in milliseconds: at least, and for each member of a group. */
const WAIT_MS = 2_000;
const WAIT_MEMBER_MS = 60;
/** So far back is looked for what was read, in entries of the archive. */
const MOST_READ_AT_ONCE = 5_000;
/** The most receipts that wait at a time. */
const MOST_WAITING = 1_024;

export class ReceiptSender {
  readonly #context: ReceiptSenderContext;
  /** By conversation, author, device and whether it was read. */
  readonly #due = new Map<string, Due>();
  /** On their way to the outbox and the service. */
  readonly #sending = new Set<Promise<void>>();

  constructor(context: ReceiptSenderContext) {
    this.#context = context;
  }

  /**
   * A message is in this account's archive.
   *
   * @param read whether it was read, too
   */
  async got(
    { conversation, sender: author, device, sequence, epoch }: EnvelopeHeader,
    read: boolean,
  ): Promise<void> {
    const { me, clock, groups } = this.#context;
    const tells = this.#context.tells();
    if (author === me || tells === "nothing") return;
    const says = read && tells === "reading";
    const key = `${conversation}${author}${device}${says}`;
    // Looked up before what is due is, since more may be due by then.
    const members = epoch === 0 ? 0 : (await groups.membersAt(conversation, epoch)).length;
    const due = this.#due.get(key);
    if (due !== undefined && sequence === due.to + 1) {
      due.to = sequence;
      return;
    }
    if (due !== undefined) this.#send(key);
    if (this.#due.size >= MOST_WAITING) this.#sendAll();
    const ms = Math.max(WAIT_MS, members * WAIT_MEMBER_MS) * (0.5 + chanceOf(this.#context.random) / 2);
    const timer = clock.after(ms, () => this.#send(key));
    this.#due.set(key, {
      author,
      conversation,
      device,
      from: sequence,
      to: sequence,
      read: says,
      timer,
    });
  }

  /**
   * What stands in a chat was read.
   *
   * @param after counter of the newest entry that was read before, and
   * @param upTo of the newest one that is read now
   * @throws FastChatError what the archive answers
   */
  async readUpTo(conversation: ConversationId, after: number, upTo: number): Promise<void> {
    const { archive, entries } = this.#context;
    if (this.#context.tells() !== "reading") return;
    const chat = await entries.chat(conversation);
    let last = Math.max(after, upTo - MOST_READ_AT_ONCE);
    for (let more = true; more && last < upTo;) {
      const page = await archive.read({ type: "after", after: last, chat, limit: MAX_ENTRIES });
      for (const entry of page.entries) {
        if (entry.counter <= last) throw outOfOrder();
        last = entry.counter;
        const header = last <= upTo ? await this.#receivedIn(entry) : null;
        if (header !== null) await this.got(header, true);
      }
      more = page.more && page.entries.length > 0;
    }
  }

  /** @returns `null` for what nobody sent to this account, as far as that is certain, and for what nobody sees */
  async #receivedIn(entry: PageEntry): Promise<EnvelopeHeader | null> {
    const content = await openOrNull(this.#context.entries, entry);
    return content?.type === "received" && isSeen(content.payload) ? content.header : null;
  }

  /** @returns once all that was due is accepted, or on disk, or given up */
  async flush(): Promise<void> {
    this.#sendAll();
    await Promise.all(this.#sending);
  }

  #sendAll(): void {
    for (const key of [...this.#due.keys()]) this.#send(key);
  }

  #send(key: string): void {
    const due = this.#due.get(key);
    if (due === undefined) return;
    this.#due.delete(key);
    due.timer.cancel();
    const sending = this.#tell(due).finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  /** Whoever cannot be told is not: what they wrote has arrived all the same. */
  async #tell({ author, conversation, device, from, to, read }: Due): Promise<void> {
    const { contacts, outbox } = this.#context;
    try {
      const { name } = await contacts.byAccount(author);
      await outbox.send({ kind: "person", name }, { type: "receipt", conversation, device, from, to, read });
    } catch (error) {
      if (!(error instanceof FastChatError)) throw error;
    }
  }
}
