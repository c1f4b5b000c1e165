/**
 * What this device sends (PROTOCOL.md, "Sending"). A message is numbered, sealed and on disk before it leaves; it stays
 * there until it is accepted and archived. After a crash what is left goes again, in order, before anything new: the
 * recipient's archive knows a repetition by its id.
 *
 * All processes of a device share the outbox. One holds its lock from numbering until everything that it wrote is
 * accepted, so that the messages of a device have one order.
 */
import { FastChatError, type ErrorRecord } from "../../protocol/errors.js";
import { isRefusal, Outcome, refusalCode, type AcceptedFrame } from "../../protocol/hot.js";
import type { AccountId, ConversationId, MessageId, UserName } from "../../protocol/ids.js";
import type { Payload } from "../../protocol/payload.js";
import type { Clock, Timer } from "../../protocol/runtime.js";
import type { Archive } from "./archive.js";
import { ArchiveOrder, type OutboxItem } from "./archive-order.js";
import type { Welcome } from "./connection.js";
import type { Contacts } from "./contacts.js";
import type { Conversations } from "./conversations.js";
import { numberDrafts, tooLarge, type Draft } from "./drafts.js";
import type { SentMessage } from "./messages.js";
import type { OutboxEntry, OutboxFile, OutboxFiles } from "./outbox-files.js";
import { PendingSend } from "./pending-send.js";
import type { Session } from "./session.js";
import { Signal } from "./signal.js";
import { within } from "./within.js";

export interface OutboxContext {
  readonly me: { readonly account: AccountId; readonly device: OutboxEntry["device"] };
  readonly files: OutboxFiles;
  readonly contacts: Pick<Contacts, "byName">;
  readonly conversations: Pick<Conversations, "seal" | "with">;
  readonly archive: Pick<Archive, "append" | "away" | "open">;
  readonly clock: Clock;
  /** How long a send waits to be accepted, in milliseconds. */
  readonly patienceMs: number;
  /** Why there is no connection, where that is so. */
  outage(): FastChatError | null;
}

/** What the outbox needs of the connection. */
export type OutboxSession = Pick<Session, "welcome" | "congested" | "error" | "need" | "send">;

/** The most messages that wait in memory to be numbered. */
const MAX_DRAFTS = 10_000;
/** The most messages that one hold of the lock has on the way. */
const MAX_ITEMS = 1_024;
/** Messages that are written to disk at once. */
const BATCH = 64;
/** How long one process takes new messages before it lets another have the lock, in milliseconds. */
const SHARE_MS = 2_000;
/** How long the lock is held for the archive's sake, in milliseconds: it saves writing down that all is accepted. */
const ARCHIVE_GRACE_MS = 500;
/** How long closing waits for the archive, in milliseconds. */
const CLOSE_GRACE_MS = 3_000;

export class Outbox {
  readonly #context: OutboxContext;
  readonly #session: OutboxSession;
  readonly #order: ArchiveOrder;
  readonly #changed = new Signal();
  readonly #drafts: Draft[] = [];
  /** Messages whose recipient's card is being looked up, in the order they were given. */
  readonly #lookingUp = new Set<PendingSend>();
  #lookUps: Promise<void> = Promise.resolve();
  /** What is not accepted, in the order of sending. */
  readonly #items = new Map<MessageId, OutboxItem>();
  /** Of these, what was not sent in this session. */
  #unsent: OutboxItem[] = [];
  /** Files that are not archived whole. */
  readonly #open = new Map<string, OutboxItem[]>();
  /** Whether something may be left from before. */
  #leftovers = true;
  #holding = false;
  #working: Promise<void> | null = null;
  #grace: Timer | null = null;
  #graceOver = false;
  #closing = false;

  constructor(context: OutboxContext, session: OutboxSession) {
    this.#context = context;
    this.#session = session;
    this.#order = new ArchiveOrder(context.archive, (item) => this.#onArchived(item));
  }

  /** Whether something waits to be sent. */
  get isBusy(): boolean {
    return this.#items.size > 0 || this.#drafts.length > 0;
  }

  /**
   * Sends a message.
   *
   * @returns once it is accepted
   * @throws FastChatError what {@link Contacts.byName} throws; `tooLarge`, `badRequest`; `queueFull`, `noSuchAccount` as
   *   the recipient's server refused it; what ended the connection for good; `timeout` or what else kept it from being
   *   accepted in time, and then its text says whether the message is kept
   */
  send(to: UserName, payload: Payload): Promise<SentMessage> {
    const failure = this.#failure();
    if (failure !== null) return Promise.reject(failure);
    if (this.#drafts.length + this.#lookingUp.size >= MAX_DRAFTS) {
      return Promise.reject(new FastChatError("tooMany", "Too many messages wait to be sent."));
    }
    const { clock, patienceMs } = this.#context;
    const at = clock.now();
    const pending = new PendingSend(
      clock,
      patienceMs,
      () => this.#context.outage() ?? new FastChatError("timeout", "The message was not accepted in time."),
      () => this.#changed.notify(),
    );
    this.#lookingUp.add(pending);
    // One after the other: messages are numbered in the order they were given.
    this.#lookUps = this.#lookUps.then(() => this.#lookUp(to, payload, at, pending));
    return pending.promise;
  }

  /** Archives what was accepted before and not archived, as far as the archive answers soon. */
  async recover(): Promise<void> {
    if (await this.#context.files.isEmpty()) return;
    this.#leftovers = true;
    await (this.#working ?? this.#work(true));
  }

  onOpened({ maxFrameBytes }: Welcome): void {
    for (const item of [...this.#items.values()]) {
      if (item.entry.frame.length > maxFrameBytes) {
        this.#refuse(item, tooLarge(item.entry.frame.length, maxFrameBytes));
      }
    }
    this.#unsent = [...this.#items.values()];
    this.#transmit();
    this.#start();
  }

  onDown(): void {
    this.#unsent = [];
    this.#changed.notify();
    if (this.isBusy) this.#session.need();
  }

  onDrain(): void {
    this.#transmit();
  }

  /** The session ended for good. */
  onClosed(error: ErrorRecord | null): void {
    this.#rejectAll(
      error === null
        ? new FastChatError("unavailable", "The client was closed.")
        : new FastChatError(error.code, error.message),
    );
  }

  onAccepted({ message, recipients }: AcceptedFrame): void {
    const item = this.#items.get(message);
    // A repetition, or one that an earlier hold of the lock left behind.
    if (item === undefined || recipients.length === 0) return;
    const refusal = recipients.find(({ outcome }) => isRefusal(outcome));
    if (recipients.every(({ outcome }) => isRefusal(outcome)) && refusal !== undefined) {
      this.#refuse(item, refused(refusal.outcome, item.entry.to));
    } else {
      this.#accept(item, recipients);
    }
    this.#transmit();
  }

  /** Ends for good; waits a little for the archive. What is not accepted stays on disk. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#rejectAll(new FastChatError("unavailable", "The client was closed."));
    await within(this.#context.clock, CLOSE_GRACE_MS, this.#finished());
  }

  async #finished(): Promise<void> {
    await this.#working;
    while (this.#open.size > 0 && !this.#context.archive.away) await this.#changed.wait();
  }

  async #lookUp(to: UserName, payload: Payload, at: number, pending: PendingSend): Promise<void> {
    try {
      if (pending.over) return;
      const card = await this.#context.contacts.byName(to);
      this.#drafts.push({ to: card, payload, at, pending });
      this.#start();
    } catch (error) {
      pending.reject(error as Error);
    } finally {
      this.#lookingUp.delete(pending);
    }
  }

  #start(): void {
    this.#changed.notify();
    if (this.#drafts.length > 0) this.#session.need();
    if (this.#hasWork()) void this.#work(false);
  }

  #hasWork(): boolean {
    if (this.#failure() !== null) return false;
    return this.#drafts.length > 0 || (this.#leftovers && this.#session.welcome !== null);
  }

  /** @param recovering whether to look at what is left although there is no session */
  #work(recovering: boolean): Promise<void> {
    this.#working ??= this.#workOn(recovering).finally(() => {
      this.#working = null;
    });
    return this.#working;
  }

  async #workOn(recovering: boolean): Promise<void> {
    let once = recovering;
    try {
      while (once || this.#hasWork()) {
        once = false;
        await this.#context.files.withLock(() => this.#hold());
      }
    } catch (error) {
      // This device fails (its disk is full, its files are damaged); what is written is sent another time.
      this.#leftovers = true;
      this.#forget();
      this.#rejectAll(error as Error);
    }
  }

  /** One hold of the lock: what is left from before, then what is new, until all of it is accepted. */
  async #hold(): Promise<void> {
    if (this.#closing) return;
    const { files, clock, archive } = this.#context;
    const stored = await files.load();
    const numbers = await files.numbers(stored);
    this.#leftovers = false;
    this.#graceOver = false;
    this.#holding = true;
    try {
      for (const file of stored) if (!this.#open.has(file.name)) this.#adopt(file, []);
      if (stored.length > 0 || this.#drafts.length > 0) archive.open();
      this.#transmit();
      const takesUntil = clock.now() + SHARE_MS;
      let last = stored.at(-1)?.name ?? null;
      // What was numbered right before a crash may stand in the outbox only.
      let numbered = stored.length > 0;
      for (;;) {
        const takes = clock.now() < takesUntil && this.#items.size < MAX_ITEMS && this.#failure() === null;
        if (takes && this.#drafts.length > 0) {
          last = (await this.#take(numbers, last)) ?? last;
          numbered = true;
          this.#transmit();
        } else if (this.#isOver()) {
          break;
        } else {
          await this.#changed.wait();
        }
      }
      if (numbered) await files.writeNumbers(numbers);
      await this.#putAway();
    } finally {
      this.#holding = false;
      this.#grace?.cancel();
      this.#grace = null;
    }
  }

  /** Whether the lock has served its purpose. */
  #isOver(): boolean {
    if (this.#items.size > 0 && !this.#closing && this.#failure() === null) {
      const awaited = [...this.#items.values()].some(({ pending }) => pending !== null && !pending.over);
      if (awaited || this.#session.welcome !== null) return false;
    }
    if (this.#order.isEmpty || this.#graceOver || this.#context.archive.away) return true;
    this.#grace ??= this.#context.clock.after(ARCHIVE_GRACE_MS, () => {
      this.#graceOver = true;
      this.#changed.notify();
    });
    return false;
  }

  /** Numbers, seals and writes the next messages. @returns the name of their file; `null` if none was fit to be sent */
  async #take(numbers: Map<ConversationId, number>, after: string | null): Promise<string | null> {
    const drafts = this.#drafts.splice(0, BATCH);
    try {
      const most = this.#session.welcome?.maxFrameBytes ?? Infinity;
      const { entries, pending, last } = await numberDrafts(this.#context, drafts, numbers, most);
      const [first, ...rest] = entries;
      if (first === undefined) return null;
      const file = await this.#context.files.add(after, [first, ...rest]);
      for (const [conversation, number] of last) numbers.set(conversation, number);
      this.#adopt(file, pending);
      return file.name;
    } catch (error) {
      // It is not certain that they are on disk.
      for (const { pending } of drafts) pending.refuse(error as Error);
      throw error;
    }
  }

  #adopt({ name, entries }: OutboxFile, pending: readonly PendingSend[]): void {
    const items = entries.map((entry, index): OutboxItem => ({
      entry,
      file: name,
      progress: entry.accepted ? "accepted" : "waiting",
      pending: pending[index] ?? null,
    }));
    this.#open.set(name, items);
    for (const item of items) {
      this.#order.enter(item);
      if (item.progress !== "waiting") continue;
      this.#items.set(item.entry.message, item);
      this.#unsent.push(item);
    }
    this.#order.advance(items);
  }

  #transmit(): void {
    const { welcome } = this.#session;
    if (welcome === null) return;
    let sent = 0;
    while (this.#unsent.length > sent && !this.#session.congested) {
      const onTheWay = this.#items.size - (this.#unsent.length - sent);
      const item = this.#unsent[sent];
      if (item === undefined || onTheWay >= welcome.sendWindow) break;
      if (!this.#session.send(item.entry.frame)) break;
      sent += 1;
    }
    if (sent > 0) this.#unsent.splice(0, sent);
  }

  #accept(item: OutboxItem, recipients: AcceptedFrame["recipients"]): void {
    const { message, to, at } = item.entry;
    const stored = recipients.some(({ outcome }) => outcome === Outcome.stored);
    this.#settle(item, "accepted");
    item.pending?.resolve({ id: message, to, at, outcome: stored ? "stored" : "acknowledged" });
  }

  #refuse(item: OutboxItem, error: FastChatError): void {
    this.#settle(item, "done");
    item.pending?.refuse(error);
  }

  #settle(item: OutboxItem, progress: "accepted" | "done"): void {
    item.progress = progress;
    this.#items.delete(item.entry.message);
    const at = this.#unsent.indexOf(item);
    if (at >= 0) this.#unsent.splice(at, 1);
    this.#order.advance([item]);
    this.#changed.notify();
  }

  #onArchived({ file }: OutboxItem): void {
    this.#changed.notify();
    if (this.#holding) return;
    const items = this.#open.get(file);
    if (items === undefined || items.some(({ progress }) => progress !== "done")) return;
    this.#open.delete(file);
    // If this fails the file says that all is accepted, and its messages are archived once more.
    this.#context.files.remove(file).catch(() => undefined);
  }

  /** Makes the files say what has become of their messages, before the lock is let go. */
  async #putAway(): Promise<void> {
    const { files } = this.#context;
    for (const [name, items] of [...this.#open]) {
      const left = items.filter(({ progress }) => progress !== "done");
      if (left.length === 0) {
        this.#open.delete(name);
        await files.remove(name);
        continue;
      }
      const entries = left.map(({ entry, progress }) => ({ ...entry, accepted: progress === "accepted" }));
      const changed =
        left.length < items.length ||
        left.some(({ entry, progress }) => entry.accepted !== (progress === "accepted"));
      if (changed) await files.replace({ name, entries });
    }
    this.#forget();
  }

  /** Lets go of what is not accepted: whoever has the lock next reads it from disk. */
  #forget(): void {
    for (const { file } of this.#items.values()) {
      this.#leftovers = true;
      this.#order.leave(this.#open.get(file) ?? []);
      this.#open.delete(file);
    }
    this.#items.clear();
    this.#unsent = [];
  }

  #rejectAll(error: Error): void {
    for (const { pending } of this.#drafts.splice(0)) pending.reject(error);
    for (const pending of this.#lookingUp) pending.reject(error);
    for (const { pending } of this.#items.values()) pending?.reject(error);
    this.#changed.notify();
  }

  /** Why nothing can be sent any more; `null` if it can. */
  #failure(): FastChatError | null {
    if (this.#closing) return new FastChatError("unavailable", "The client was closed.");
    const { error } = this.#session;
    return error === null ? null : new FastChatError(error.code, error.message);
  }
}

function refused(outcome: Outcome, to: UserName): FastChatError {
  const code = refusalCode(outcome);
  switch (code) {
    case "queueFull":
      return new FastChatError(code, `"${to}" has too many unread messages waiting.`);
    case "noSuchAccount":
      return new FastChatError(code, `"${to}" has no account here any more.`);
    default:
      return new FastChatError(code, `The message to "${to}" was refused.`);
  }
}
