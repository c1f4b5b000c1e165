/**
 * What this device sends (PROTOCOL.md, "Sending"). A message is numbered, sealed and on disk before it leaves; it stays
 * there until it is accepted and archived. After a crash what is left goes again, in order, before anything new: the
 * recipient's archive knows a repetition by its id.
 *
 * All processes of a device share the outbox. One holds its lock from numbering until everything that it wrote is
 * accepted, so that the messages of a device have one order.
 */
import { FastChatError, type ErrorRecord } from "../../protocol/errors.js";
import { frameEpoch, type AcceptedFrame } from "../../protocol/hot.js";
import type { ConversationId } from "../../protocol/ids.js";
import type { Payload } from "../../protocol/payload.js";
import type { Clock, HeldLock, Timer } from "../../protocol/runtime.js";
import type { Archive } from "./archive.js";
import type { Welcome } from "./connection-state.js";
import type { Contacts } from "./contacts.js";
import { numberDrafts, type Draft, type NumberingContext } from "./drafts.js";
import { Flight, type SendingSession } from "./flight.js";
import type { SealingPast } from "./group-flight.js";
import type { SentMessage } from "./messages.js";
import type { Conversations } from "./conversations.js";
import type { Groups } from "./groups.js";
import type { OutboxEntry, OutboxFiles } from "./outbox-files.js";
import type { PeerName, Peers } from "./peers.js";
import { PendingSend } from "./pending-send.js";
import type { Session } from "./session.js";
import { Signal } from "./signal.js";
import { within } from "./within.js";

export interface OutboxContext extends NumberingContext {
  readonly files: OutboxFiles;
  readonly contacts: Pick<Contacts, "namesOf">;
  readonly peers: Pick<Peers, "find">;
  readonly groups: Pick<Groups, "accuse" | "catchUp">;
  readonly conversations: Pick<Conversations, "of" | "seal" | "sealAgain">;
  readonly archive: Pick<Archive, "append" | "away" | "open">;
  readonly clock: Clock;
  /** How long a send waits to be accepted, in milliseconds. */
  readonly patienceMs: number;
  /** Why there is no connection, where that is so. */
  readonly outage: () => FastChatError | null;
}

/** What the outbox needs of the connection. */
export type OutboxSession = SendingSession & Pick<Session, "error" | "need">;

/** The most messages that wait in memory to be numbered. */
const MAX_DRAFTS = 10_000;
/** The most messages that one hold of the lock has on the way. */
const MAX_ON_THE_WAY = 1_024;
/** The most messages that are accepted and wait for the archive, but for those that are on the way by then. */
const MAX_UNARCHIVED = 10_000;
/** Messages that are written to disk at once. */
const BATCH = 64;
/** How long a process that has the lock takes new messages although another waits for it, in milliseconds. */
const SHARE_MS = 2_000;
/** How long the lock is held for the archive's sake, in milliseconds: it saves writing down that all is accepted. */
const ARCHIVE_GRACE_MS = 500;
/**
 * How long what a recipient's full queue refused waits before it is tried in another session, in milliseconds: longer
 * with every session that was renewed in vain.
 */
const PUT_OFF_MIN_MS = 5_000;
const PUT_OFF_MAX_MS = 60_000;
/** How long closing waits for the archive, in milliseconds. */
const CLOSE_GRACE_MS = 3_000;

export class Outbox {
  readonly #context: OutboxContext;
  readonly #session: OutboxSession;
  readonly #flight: Flight;
  readonly #changed = new Signal();
  readonly #drafts: Draft[] = [];
  /** Who waits for messages whose recipients' cards are being looked up. */
  readonly #lookingUp = new Set<PendingSend>();
  #lookUps: Promise<void> = Promise.resolve();
  /** Whether something may be left from before. */
  #leftovers = true;
  /** Whether something is left for the next session, since this one's server refuses it. */
  #putOff = false;
  /** Whether more cannot be numbered before a session has taken some of what is on disk. */
  #full = false;
  #renewal: Timer | null = null;
  /** Sessions renewed since one last took a message that nobody waits for. */
  #renewals = 0;
  /** Whether a session is wanted for the sake of what was put off. */
  #renewing = false;
  #working: Promise<void> | null = null;
  #share: Timer | null = null;
  #shareOver = false;
  #grace: Timer | null = null;
  #graceOver = false;
  #closing = false;

  constructor(context: OutboxContext, session: OutboxSession) {
    this.#context = context;
    this.#session = session;
    this.#flight = new Flight({
      files: context.files,
      archive: context.archive,
      session,
      sealAgain: (entry, past) => this.#sealAgain(entry, past),
      namesOf: (accounts) => context.contacts.namesOf(accounts),
      onChange: () => this.#changed.notify(),
    });
  }

  /** Whether something waits to be sent. */
  get isBusy(): boolean {
    return this.#flight.size > 0 || this.#drafts.length > 0 || this.#renewing;
  }

  /**
   * Sends a message.
   *
   * @returns once it is accepted
   * @throws FastChatError what {@link Peers.find} throws; `tooLarge`, `badRequest`; `queueFull`, `noSuchAccount` as
   *   the recipient's server refused it; `forbidden` for a group that this account is not in; `unavailable` where the archive is too far behind; what ended the connection for
   *   good; `timeout` or what else kept it from being accepted in time, and then its text says whether the message is kept
   */
  send(to: PeerName, payload: Payload): Promise<SentMessage> {
    const failure = this.#failure();
    if (failure !== null) return Promise.reject(failure);
    if (this.#drafts.length + this.#lookingUp.size >= MAX_DRAFTS) {
      return Promise.reject(new FastChatError("tooMany", "Too many messages wait to be sent."));
    }
    const { clock, patienceMs, outage } = this.#context;
    const at = clock.now();
    const pending = new PendingSend(
      clock,
      patienceMs,
      () => outage() ?? new FastChatError("timeout", "The message was not accepted in time."),
      () => this.#forgetGivenUp(),
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

  onOpened(welcome: Welcome): void {
    this.#cancelRenewal();
    this.#full = false;
    this.#leftovers ||= this.#putOff;
    this.#flight.onOpened(welcome);
    this.#start();
  }

  onDown(): void {
    this.#changed.notify();
    if (this.isBusy) this.#session.need();
  }

  onDrain(): void {
    this.#flight.transmit();
  }

  onAccepted(accepted: AcceptedFrame): void {
    if (this.#flight.onAccepted(accepted)) this.#renewals = 0;
  }

  /** The session ended for good. */
  onClosed(error: ErrorRecord | null): void {
    this.#cancelRenewal();
    this.#rejectAll(error === null ? closedError() : new FastChatError(error.code, error.message));
  }

  /** Ends for good; waits a little for the archive. What is not accepted stays on disk. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#cancelRenewal();
    this.#rejectAll(closedError());
    await within(this.#context.clock, CLOSE_GRACE_MS, this.#finished());
  }

  async #finished(): Promise<void> {
    await this.#working;
    while (!this.#flight.isArchived && !this.#context.archive.away) await this.#changed.wait();
  }

  async #lookUp(to: PeerName, payload: Payload, at: number, pending: PendingSend): Promise<void> {
    try {
      if (pending.over) return;
      const peer = await this.#context.peers.find(to);
      this.#drafts.push({ to: peer, payload, at, pending });
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
    return (this.#drafts.length > 0 && !this.#full) || (this.#leftovers && this.#session.welcome !== null);
  }

  /** Drafts all wait equally long: those that were given up stand in front. */
  #forgetGivenUp(): void {
    while (this.#drafts[0]?.pending.over === true) this.#drafts.shift();
    this.#changed.notify();
  }

  /** @param recovering whether to look at what is left although there is no session */
  #work(recovering: boolean): Promise<void> {
    this.#working ??= this.#workOn(recovering).finally(() => {
      this.#working = null;
      // One that came while the last hold ended found no work to wake.
      if (this.#drafts.length > 0) this.#start();
    });
    return this.#working;
  }

  async #workOn(recovering: boolean): Promise<void> {
    let once = recovering;
    try {
      while (once || this.#hasWork()) {
        once = false;
        await this.#context.files.withLock((lock) => this.#hold(lock));
      }
    } catch (error) {
      // This device fails (its disk is full, its files are damaged); what is written is sent another time.
      this.#rejectAll(error as Error);
      this.#leftovers = true;
      this.#flight.abandon();
    }
  }

  /** One hold of the lock: what is left from before, then what is new, until all of it is accepted. */
  async #hold(lock: HeldLock): Promise<void> {
    if (this.#closing) return;
    const { files, archive } = this.#context;
    const flight = this.#flight;
    flight.holding = true;
    this.#leftovers = false;
    this.#graceOver = false;
    try {
      const stored = await files.load((name) => flight.has(name));
      // Those of the files that are known were written down when they were put away.
      const numbers = await files.numbers(stored.unknown);
      for (const file of stored.unknown) flight.adopt(file);
      if (stored.unknown.length > 0 || this.#drafts.length > 0) archive.open();
      flight.transmit();
      // What was numbered right before a crash may stand in the outbox only.
      let numbered = stored.unknown.length > 0;
      let { last } = stored;
      let shares = true;
      this.#startShare();
      for (;;) {
        if (this.#shareOver) {
          // Before any file goes: a number must not be given twice.
          if (numbered) await files.writeNumbers(numbers);
          await flight.tidy();
          this.#renewLater();
          this.#startShare();
          shares = false;
        }
        const takes = shares || !lock.wanted;
        if (takes && this.#drafts.length > 0 && flight.size < MAX_ON_THE_WAY && this.#failure() === null) {
          last = (await this.#take(numbers, last)) ?? last;
          numbered = true;
          flight.transmit();
        } else if (this.#isOver()) {
          break;
        } else {
          await this.#changed.wait();
        }
      }
      this.#full = flight.size >= MAX_ON_THE_WAY && this.#session.welcome === null;
      if (numbered) await files.writeNumbers(numbers);
      this.#leftovers = flight.size > 0;
      this.#renewLater();
      await flight.putAway();
    } finally {
      this.#grace?.cancel();
      this.#grace = null;
      this.#share?.cancel();
      this.#share = null;
    }
  }

  /** A timer, not the time of day: that one may be set back. */
  #startShare(): void {
    this.#shareOver = false;
    this.#share = this.#context.clock.after(SHARE_MS, () => {
      this.#shareOver = true;
    });
  }

  /** By then the recipient may have read what waits; a session that refused once goes on refusing. */
  #renewLater(): void {
    const { hasPutOff, size } = this.#flight;
    this.#putOff = hasPutOff;
    if (!hasPutOff) {
      // What is left for want of a session may have been put off before.
      if (size === 0) this.#cancelRenewal();
    } else if (this.#failure() === null) {
      const ms = Math.min(PUT_OFF_MAX_MS, PUT_OFF_MIN_MS * 2 ** Math.min(this.#renewals, 30));
      this.#renewal ??= this.#context.clock.after(ms, () => {
        this.#renewal = null;
        this.#renewing = true;
        this.#renewals += 1;
        this.#session.renew();
        this.#session.need();
      });
    }
  }

  #cancelRenewal(): void {
    this.#renewal?.cancel();
    this.#renewal = null;
    this.#renewing = false;
  }

  /** Whether the lock has served its purpose. */
  #isOver(): boolean {
    const flight = this.#flight;
    if (flight.size > 0 && this.#failure() === null) {
      if (flight.isAwaited || this.#session.welcome !== null) return false;
    }
    if (flight.isArchived || this.#graceOver || this.#context.archive.away) return true;
    this.#grace ??= this.#context.clock.after(ARCHIVE_GRACE_MS, () => {
      this.#graceOver = true;
      this.#changed.notify();
    });
    return false;
  }

  /** Numbers, seals and writes the next messages. @returns the name of their file; `null` if none was fit to be sent */
  async #take(numbers: Map<ConversationId, number>, after: string | null): Promise<string | null> {
    const drafts = this.#drafts.splice(0, BATCH);
    if (this.#flight.unarchived >= MAX_UNARCHIVED) {
      for (const { pending } of drafts) pending.refuse(archiveBehindError());
      return null;
    }
    try {
      const most = this.#session.welcome?.maxFrameBytes ?? Infinity;
      const { entries, pending, last } = await numberDrafts(this.#context, drafts, numbers, most);
      const [first, ...rest] = entries;
      if (first === undefined) return null;
      const file = await this.#context.files.add(after, [first, ...rest]);
      for (const [conversation, number] of last) numbers.set(conversation, number);
      this.#flight.adopt(file, pending);
      return file.name;
    } catch (error) {
      // It is not certain whether they are on disk; those that are leave with the next.
      for (const { pending } of drafts) pending.refuse(error as Error);
      throw error;
    }
  }

  async #sealAgain(entry: OutboxEntry, { refused, left }: SealingPast): Promise<OutboxEntry> {
    const { groups, conversations } = this.#context;
    const { epoch } = await groups.catchUp(entry.conversation);
    if (refused && epoch === frameEpoch(entry.frame)) {
      groups.accuse(entry.conversation, "hidden");
      throw new FastChatError("unavailable", `The service does not say who is in ${entry.to} now.`);
    }
    const { frame, entry: archived } = await conversations.sealAgain(entry, left);
    return { ...entry, frame, entry: archived };
  }

  #rejectAll(error: Error): void {
    for (const { pending } of this.#drafts.splice(0)) pending.reject(error);
    for (const pending of this.#lookingUp) pending.reject(error);
    this.#flight.rejectAll(error);
    this.#changed.notify();
  }

  /** Why nothing can be sent any more; `null` if it can. */
  #failure(): FastChatError | null {
    if (this.#closing) return closedError();
    const { error } = this.#session;
    return error === null ? null : new FastChatError(error.code, error.message);
  }
}

function archiveBehindError(): FastChatError {
  return new FastChatError(
    "unavailable",
    `The archive has not taken the last ${MAX_UNARCHIVED} messages of this device: it is away or full. Nothing more is sent before it takes some.`,
  );
}

function closedError(): FastChatError {
  return new FastChatError("unavailable", "The client was closed.");
}
