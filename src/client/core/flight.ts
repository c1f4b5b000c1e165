/** The messages of the outbox that are on their way: to be accepted, then to be archived, then to be forgotten. */
import { FastChatError } from "../../protocol/errors.js";
import { decodeSend, isRefusal, Outcome, refusalCode, type AcceptedFrame } from "../../protocol/hot.js";
import type { AccountId, ConversationId, MessageId } from "../../protocol/ids.js";
import { AcceptedNotes } from "./accepted-notes.js";
import type { Archive } from "./archive.js";
import { ArchiveOrder, type OutboxItem } from "./archive-order.js";
import type { Welcome } from "./connection-state.js";
import { tooLarge } from "./drafts.js";
import { GroupFlight, isToGroup, type SealingPast } from "./group-flight.js";
import type { OutboxEntry, OutboxFile, OutboxFiles } from "./outbox-files.js";
import type { PendingSend } from "./pending-send.js";
import type { Session } from "./session.js";

/** What sending needs of the connection. */
export type SendingSession = Pick<Session, "welcome" | "congested" | "send" | "renew">;

export interface FlightContext {
  readonly files: OutboxFiles;
  readonly archive: Pick<Archive, "append">;
  readonly session: SendingSession;
  /** Seals a message for those who are in its group by now. */
  sealAgain(entry: OutboxEntry, past: SealingPast): Promise<OutboxEntry>;
  /** Whose names those are, as far as they are known. */
  namesOf(accounts: readonly AccountId[]): Promise<ReadonlyMap<AccountId, string>>;
  /** Told of every message that got on. */
  onChange(): void;
}

export class Flight {
  readonly #context: FlightContext;
  readonly #files: OutboxFiles;
  readonly #session: SendingSession;
  readonly #order: ArchiveOrder;
  readonly #onChange: () => void;
  /** What is not accepted, in the order of sending. */
  readonly #items = new Map<MessageId, OutboxItem>();
  /** Of these, what was not sent in this session. */
  #unsent: OutboxItem[] = [];
  /** What left in this session and was not answered, with what it takes of the window. */
  readonly #onTheWay = new Map<OutboxItem, number>();
  #bytesOnTheWay = 0;
  /** Whose queues were full in this session: it takes nothing more for them, so that no message overtakes another. */
  readonly #refusedBy = new Set<AccountId>();
  /** Refused, with nobody who could be told: they go again in the next session. */
  readonly #putOff = new Set<OutboxItem>();
  /** Recipients, or groups, of those that this hold of the lock has tried: what is behind them must not come before them. */
  readonly #putOffFor = new Set<AccountId | ConversationId>();
  readonly #groups: GroupFlight;
  readonly #notes: AcceptedNotes;
  /** Files with messages that are not archived. */
  readonly #open = new Map<string, OutboxItem[]>();
  /** Whether this process holds the outbox's lock, and puts the files away itself. */
  holding = false;

  constructor(context: FlightContext) {
    this.#context = context;
    this.#files = context.files;
    this.#session = context.session;
    this.#onChange = () => context.onChange();
    this.#order = new ArchiveOrder(context.archive, (item) => this.#onArchived(item));
    this.#notes = new AcceptedNotes(context.files);
    this.#groups = new GroupFlight({
      session: context.session,
      sealAgain: (entry, past) => context.sealAgain(entry, past),
      itemsOf: (conversation) => this.#itemsOf(conversation),
      onRefused: (item, error) => {
        this.#settle(item, "done");
        item.pending?.refuse(error);
      },
      onReady: (conversation, again) => {
        if (again) this.#sendAgain(conversation);
        else this.transmit();
      },
    });
  }

  /** Messages that are not accepted, without those that are put off. */
  get size(): number {
    return this.#items.size - this.#putOff.size;
  }

  /** Whether some are put off to the next session. */
  get hasPutOff(): boolean {
    return this.#putOff.size > 0;
  }

  /** Whether somebody waits for one of them. */
  get isAwaited(): boolean {
    for (const item of this.#items.values()) if (isAwaited(item)) return true;
    return false;
  }

  /** Whether all that is accepted is archived. */
  get isArchived(): boolean {
    return this.#order.isEmpty;
  }

  /** Messages that are accepted and not archived. */
  get unarchived(): number {
    let count = 0;
    for (const items of this.#open.values()) {
      for (const { progress } of items) if (progress === "accepted") count += 1;
    }
    return count;
  }

  /** Whether a file's messages are on their way here already. */
  has(file: string): boolean {
    return this.#open.has(file);
  }

  /**
   * Takes up a file's messages, behind all that is here.
   *
   * @param pending who waits for each of them; nobody if missing
   */
  adopt({ name, entries }: OutboxFile, pending: readonly PendingSend[] = []): void {
    const items = entries.map((entry, index): OutboxItem => ({
      entry,
      file: name,
      progress: entry.accepted ? "accepted" : "waiting",
      sent: false,
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

  /** Sends what was not sent in this session, in order, as far as the server's window and the channel allow. */
  transmit(): void {
    const { welcome } = this.#session;
    if (welcome === null) return;
    let sent = 0;
    while (this.#unsent.length > sent && !this.#session.congested) {
      const onTheWay = this.size - (this.#unsent.length - sent);
      const item = this.#unsent[sent];
      if (item === undefined || onTheWay >= welcome.sendWindow) break;
      const { frame } = item.entry;
      if (this.#groups.holdsBack(item)) break;
      if (this.#putOffFor.size > 0 && targetsOf(item).some((target) => this.#putOffFor.has(target))) {
        // What left in a session before may have been taken there: to call it refused would invite to write it again.
        if (item.sent) this.#putOffItem(item);
        else this.#refuse(item, refused(Outcome.queueFull, item.entry.to));
        continue;
      }
      if (namesOneOf(item, this.#refusedBy)) {
        if (!isAwaited(item)) {
          // Nobody waits: another session for its sake has time. Nothing behind it may come before it.
          for (const recipient of recipientsOf(item)) this.#refusedBy.add(recipient);
          this.#putOffItem(item);
          continue;
        }
        if (onTheWay === 0) this.#session.renew();
        break;
      }
      const cost = costOf(item);
      if (this.#bytesOnTheWay + cost > welcome.sendWindowBytes) break;
      if (!this.#session.send(frame)) break;
      item.sent = true;
      this.#leaves(item, cost);
      sent += 1;
    }
    if (sent > 0) this.#unsent.splice(0, sent);
  }

  /** A session begins: everything that is not accepted goes again. */
  onOpened({ maxFrameBytes }: Welcome): void {
    for (const item of [...this.#items.values()]) {
      const { length } = item.entry.frame;
      if (length > maxFrameBytes) this.#refuse(item, tooLarge(length, maxFrameBytes));
    }
    this.#unsent = [...this.#items.values()];
    this.#clearWay();
    this.#refusedBy.clear();
    this.#putOff.clear();
    this.#putOffFor.clear();
    this.transmit();
  }

  /** @returns whether a message was accepted that nobody waits for: some of what may have been put off got on */
  onAccepted({ message, recipients }: AcceptedFrame): boolean {
    const item = this.#items.get(message);
    // A repetition, or one that an earlier hold of the lock left behind.
    if (item === undefined || recipients.length === 0) return false;
    let taken = false;
    for (const { recipient, outcome } of recipients) {
      // A group does not wait for the one who does not read.
      if (outcome === Outcome.queueFull && !isToGroup(item)) this.#refusedBy.add(recipient);
    }
    const refusal = recipients.find(({ outcome }) => isRefusal(outcome));
    if (refusal?.outcome === Outcome.staleEpoch) {
      // Once all that is on the way to the group has come back so, it is sealed anew, and goes again in its order.
      this.#groups.onStale(item);
      this.#arrives(item);
    } else if (refusal !== undefined && recipients.every(({ outcome }) => isRefusal(outcome))) {
      this.#refuse(item, refused(refusal.outcome, item.entry.to));
    } else {
      taken = !isAwaited(item);
      this.#settle(item, "accepted");
      void this.#tellAccepted(item, recipients);
    }
    this.transmit();
    return taken;
  }

  async #tellAccepted(item: OutboxItem, recipients: AcceptedFrame["recipients"]): Promise<void> {
    const { entry, file, pending } = item;
    const { message, to, at } = entry;
    if (pending === null || pending.over) return;
    if (isToGroup(item)) await this.#notes.note(file, message);
    const refusing = recipients.filter(({ outcome }) => isRefusal(outcome)).map(({ recipient }) => recipient);
    const names = refusing.length === 0 ? null : await this.#context.namesOf(refusing);
    const stored = recipients.some(({ outcome }) => outcome === Outcome.stored);
    pending.resolve({
      id: message,
      to,
      at,
      outcome: stored ? "stored" : "acknowledged",
      recipients: recipients.length,
      delivered: recipients.filter(({ outcome }) => outcome === Outcome.acknowledged).length,
      missed: refusing.map((account) => names?.get(account) ?? account),
    });
  }

  #leaves(item: OutboxItem, cost: number): void {
    this.#onTheWay.set(item, cost);
    this.#bytesOnTheWay += cost;
    this.#groups.onLeft(item);
  }

  /** It is answered. */
  #arrives(item: OutboxItem): void {
    this.#bytesOnTheWay -= this.#onTheWay.get(item) ?? 0;
    this.#onTheWay.delete(item);
    this.#groups.onAnswered(item);
  }

  /** No answer comes any more to what left. */
  #clearWay(): void {
    this.#onTheWay.clear();
    this.#bytesOnTheWay = 0;
    this.#groups.clear();
  }

  *#itemsOf(conversation: ConversationId): Generator<OutboxItem, void> {
    for (const item of this.#items.values()) {
      if (item.entry.conversation === conversation && !this.#putOff.has(item)) yield item;
    }
  }

  /** Everything of a group that is not answered is to be sent, each in its place among the others that are. */
  #sendAgain(conversation: ConversationId): void {
    const unsent = new Set([...this.#unsent, ...this.#itemsOf(conversation)]);
    this.#unsent = [...this.#items.values()].filter((item) => unsent.has(item));
    this.transmit();
  }

  /** Tells all who wait that it takes longer than they can wait. */
  rejectAll(error: Error): void {
    for (const { pending } of this.#items.values()) pending?.reject(error);
  }

  /** Removes the files whose messages are all done with. */
  async tidy(): Promise<void> {
    for (const [name, items] of [...this.#open]) if (isDone(items)) await this.#drop(name);
  }

  /**
   * Makes the files say what has become of their messages, and lets go of what is not accepted: whoever has the lock next
   * reads it from disk.
   */
  async putAway(): Promise<void> {
    for (const [name, items] of [...this.#open]) {
      await this.#notes.settled(name);
      const left = items.filter(({ progress }) => progress !== "done");
      if (left.length === 0) {
        await this.#drop(name);
        continue;
      }
      const entries = left.map(({ entry, progress }) => ({ ...entry, accepted: progress === "accepted" }));
      const news = entries.some(({ accepted }, index) => accepted !== left[index]?.entry.accepted);
      if (news || left.length < items.length) await this.#files.replace({ name, entries });
    }
    this.#forget();
    this.#notes.clear();
    // From here on who is archived last removes the file; what was archived while files were written is left to do.
    this.holding = false;
    for (const [name, items] of this.#open) if (isDone(items)) this.#dropLate(name);
  }

  /**
   * Lets go of everything after a failure. The files stay, whatever the archive still answers: their numbers may not be
   * written down, and would be given again if they went.
   */
  abandon(): void {
    this.#forget();
    this.#open.clear();
    this.holding = false;
  }

  #forget(): void {
    for (const { file } of this.#order.clear()) this.#open.delete(file);
    this.#items.clear();
    this.#unsent = [];
    this.#clearWay();
    this.#putOff.clear();
    this.#putOffFor.clear();
  }

  /**
   * Where somebody was told that a message leaves by itself, nobody would hear that it is refused. Nor is that certainly
   * its first answer: the one before may have come right before a crash. So it stays for the next session.
   */
  #refuse(item: OutboxItem, error: FastChatError): void {
    if (error.code === "queueFull" && !isAwaited(item)) {
      for (const target of targetsOf(item)) this.#putOffFor.add(target);
      this.#putOffItem(item);
      return;
    }
    this.#settle(item, "done");
    item.pending?.refuse(error);
  }

  #putOffItem(item: OutboxItem): void {
    this.#putOff.add(item);
    this.#takeOff(item);
    this.#onChange();
  }

  #settle(item: OutboxItem, progress: "accepted" | "done"): void {
    item.progress = progress;
    this.#items.delete(item.entry.message);
    this.#takeOff(item);
    this.#order.advance([item]);
    this.#onChange();
  }

  /** It is neither on the way in this session nor about to be. */
  #takeOff(item: OutboxItem): void {
    if (this.#unsent.includes(item)) this.#unsent = this.#unsent.filter((other) => other !== item);
    else this.#arrives(item);
  }

  #onArchived({ file }: OutboxItem): void {
    this.#onChange();
    if (this.holding) return;
    const items = this.#open.get(file);
    if (items !== undefined && isDone(items)) this.#dropLate(file);
  }

  async #drop(file: string): Promise<void> {
    this.#open.delete(file);
    await this.#notes.forget(file);
    await this.#files.remove(file);
  }

  #dropLate(file: string): void {
    // If this fails the file says that all is accepted, and its messages are archived once more.
    this.#drop(file).catch(() => undefined);
  }
}

function costOf({ entry: { frame } }: OutboxItem): number {
  return frame.length;
}

/** Whether one of those accounts is the one that a message is for. */
function namesOneOf(item: OutboxItem, accounts: ReadonlySet<AccountId>): boolean {
  return (
    accounts.size > 0 && !isToGroup(item) && recipientsOf(item).some((recipient) => accounts.has(recipient))
  );
}

/** What keeps its order: each person whom it is for, or the group. */
function targetsOf(item: OutboxItem): readonly (AccountId | ConversationId)[] {
  return isToGroup(item) ? [item.entry.conversation] : recipientsOf(item);
}

function recipientsOf({ entry }: OutboxItem): AccountId[] {
  return decodeSend(entry.frame).keys.map(({ recipient }) => recipient);
}

function isAwaited({ pending }: OutboxItem): boolean {
  return pending !== null && !pending.over;
}

function isDone(items: readonly OutboxItem[]): boolean {
  return items.every(({ progress }) => progress === "done");
}

function refused(outcome: Outcome, to: string): FastChatError {
  const code = refusalCode(outcome);
  switch (code) {
    case "queueFull":
      return new FastChatError(code, `"${to}" has too many unread messages waiting.`);
    case "forbidden":
      return new FastChatError(code, `You are not in ${to} any more.`);
    case "noSuchAccount":
      return new FastChatError(code, `"${to}" has no account here any more.`);
    default:
      return new FastChatError(code, `The message to "${to}" was refused.`);
  }
}
