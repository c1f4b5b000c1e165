/**
 * A mailbox: everything addressed to one account goes through it, on the account's home server, in one order
 * (PROTOCOL.md, "Mailboxes").
 *
 * - `opening`: whether the account exists and how much waits for it is being asked; what arrives is held.
 * - `stored`: nobody is attached; what arrives goes to the writer and is settled by its commit.
 * - `catchingUp`: rows are read to the attached sessions, oldest first; what arrives goes behind them, through the writer.
 * - `live`: what arrives goes to the attached sessions at once, held in memory until one of them acknowledges it.
 *   Online traffic so never touches the database.
 */
import { HOT_HEADER_BYTES, Outcome } from "../../protocol/hot.js";
import type { AccountId, MessageId, ServerId } from "../../protocol/ids.js";
import type { DeliveryKey } from "../../store/deliveries.js";
import { CatchUp } from "./catch-up.js";
import type { QueuedInsert, WriteOutcome } from "./delivery-writer.js";
import { Echoes } from "./echoes.js";
import { HeldMessages, askAgain, bytesOf, keptBytes, keyOf, leaveOut, type Held } from "./held-messages.js";
import { RELEASED, keepFrame, restoreFrame } from "./kept-frame.js";
import type { Attachment, FanOut, MailboxPorts, Origin, SharedBody } from "./mailbox-ports.js";
import { queuedRow } from "./queued-row.js";

/** A message given to the writer. */
interface Writing {
  readonly held: Held;
  readonly queued: QueuedInsert;
}

type Phase = "opening" | "stored" | "catchingUp" | "live" | "moved";

export class Mailbox {
  #phase: Phase = "opening";
  readonly #attached = new Map<string, Attachment>();
  /** While opening, and while live. */
  readonly #held: HeldMessages;
  readonly #writing = new Map<string, Writing>();
  readonly #catchUp: CatchUp;
  readonly #echoes: Echoes;
  /** Rows in the database, as far as is known: at least as many as there are. */
  #rows = 0;
  #countedAt: number;
  /**
   * Sessions that a message was refused to, for a full queue. What they send behind it is refused, too, for as long as
   * they last: a sender who has not heard of the refusal sends that message again, and it must not come behind them.
   */
  readonly #refusing = new Set<string>();

  constructor(
    readonly account: AccountId,
    private readonly ports: MailboxPorts,
  ) {
    const { limits } = ports;
    this.#held = new HeldMessages(limits);
    this.#echoes = new Echoes(limits.heldPerMailbox);
    this.#countedAt = ports.now();
    this.#catchUp = new CatchUp(account, {
      read: (position, limit, maxBytes) => ports.read(account, position, limit, maxBytes),
      full: () => this.#anyFull(),
      isWriting: (key) => this.#writing.has(key),
      deliver: (frame) => this.#deliver(frame),
      onEnd: () => {
        // The answer to what is being written has reading go on.
        if (this.#writing.size === 0) this.#becomeLive();
      },
      window: limits.catchUpWindow,
      windowBytes: limits.socketBufferBytes / 2,
    });
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Whether nothing would be lost by forgetting this mailbox. */
  get idle(): boolean {
    return this.#phase === "stored" && this.#writing.size === 0 && this.#refusing.size === 0;
  }

  /** When the oldest message that waits for an acknowledgement came, or `null`. */
  get oldestHeld(): number | null {
    return this.#phase === "live" ? (this.#held.oldest?.since ?? null) : null;
  }

  /** The store's answer to opening: how many rows wait, or `null` where there is no such account. */
  opened(rows: number | null): void {
    if (this.#phase !== "opening") return;
    const held = this.#held.takeAll();
    if (rows === null) {
      this.#phase = "stored";
      for (const one of held) this.#settle(one, Outcome.noSuchAccount);
    } else if (this.#attached.size > 0 && rows === 0) {
      this.#becomeLive();
      for (const one of held) this.#take(one, restoreFrame(one.frame, one.body.envelope), null);
    } else {
      this.#rows = rows;
      this.#phase = "stored";
      for (const one of held) this.#write(one);
      if (this.#attached.size > 0) this.#startOver();
    }
    this.ports.changed(this);
  }

  /**
   * Takes a message for this account.
   *
   * @param frame a `deliver` frame that names this account, without the envelope if `body` has that; a view that need not last
   * @param fanOut what is delivered at once goes there, where others get the message, too
   */
  accept(
    sender: AccountId,
    message: MessageId,
    frame: Uint8Array,
    body: SharedBody,
    origin: Origin,
    fanOut: FanOut | null,
  ): void {
    const key = keyOf(sender, message);
    const known = this.#held.get(key) ?? this.#writing.get(key)?.held;
    if (known !== undefined) {
      askAgain(known, origin);
      return;
    }
    if (this.#refusing.size > 0 && this.#refusing.has(sessionKey(origin))) {
      this.#answer(origin, Outcome.queueFull);
      return;
    }
    if (this.#phase !== "live" && this.#isServerFull(1)) {
      this.#refusing.add(sessionKey(origin));
      this.#answer(origin, Outcome.queueFull);
      return;
    }
    const since = this.ports.now();
    const kept = keepFrame(frame);
    const bytes = bytesOf(kept, body);
    const held = {
      key,
      sender,
      message,
      frame: kept,
      body,
      bytes,
      since,
      origins: [origin],
      delivered: false,
    };
    this.ports.kept.bytes += keptBytes(held);
    this.#take(held, frame, fanOut);
  }

  /** A device of the account has the message in its archive. */
  acknowledge(sender: AccountId, message: MessageId): void {
    const key = keyOf(sender, message);
    const stored = this.#catchUp.acknowledge(key);
    const held = this.#phase === "live" ? this.#held.take(key) : undefined;
    if (held !== undefined) {
      this.#echoes.expect(key, this.#attached.size - 1);
      this.#settle(held, Outcome.acknowledged);
      // A sender that came back may send again what was read from the database before.
      if (stored) this.#remove(sender, message);
      return;
    }
    const writing = this.#writing.get(key);
    if (writing !== undefined) {
      this.#settle(writing.held, Outcome.acknowledged);
      const dropped = writing.queued.drop();
      if (dropped) this.#writing.delete(key);
      // As above: it may stand in the database and have been queued once more.
      if (!dropped || stored) this.#remove(sender, message);
    } else if (stored) {
      this.#rows = Math.max(0, this.#rows - 1);
      this.#remove(sender, message);
    } else if (!this.#echoes.take(key)) {
      this.ports.writer.removeIfAny(this.#deliveryKey(sender, message));
    } else {
      return;
    }
    this.#catchUp.readOn();
  }

  attach(attachment: Attachment): void {
    if (this.#phase === "moved") return;
    this.#attached.set(sessionKey(attachment), attachment);
    switch (this.#phase) {
      case "opening":
        return;
      case "live":
        // Something may be on its way to the others: only through the database is it also for the new session, in its
        // order. And a row may stand there that a former home committed after this one had looked.
        this.#spill();
        this.#startOver();
        return;
      case "stored":
      case "catchingUp":
        this.#startOver();
    }
  }

  /** Detaches one session; a session that is not attached is none. */
  detach(attachment: Attachment): void {
    if (!this.#attached.delete(sessionKey(attachment)) || this.#attached.size > 0) return;
    this.#echoes.clear();
    this.#catchUp.stop();
    if (this.#phase !== "live" && this.#phase !== "catchingUp") return;
    this.#phase = "stored";
    for (const one of this.#held.takeAll()) this.#write(one);
    this.ports.changed(this);
  }

  /**
   * A session that messages were refused to, or may yet be, has ended: what its client sends next comes with all that
   * went before.
   */
  senderEnded(sender: Attachment): void {
    const key = sessionKey(sender);
    for (const held of this.#unsettled()) leaveOut(held, (origin) => sessionKey(origin) === key);
    this.#refusing.delete(key);
    if (this.idle) this.ports.changed(this);
  }

  /**
   * A server is gone, with its sessions, and with those who asked for messages to be settled: its next start counts
   * its messages from one again, and must not be told of others under their numbers.
   */
  serverGone(id: ServerId): void {
    for (const held of this.#unsettled()) leaveOut(held, ({ server }) => server === id);
    for (const attachment of [...this.#attached.values()]) {
      if (attachment.server === id) this.detach(attachment);
    }
    for (const session of this.#refusing) if (session.startsWith(`${id}/`)) this.#refusing.delete(session);
    if (this.idle) this.ports.changed(this);
  }

  /** Nobody acknowledged in time: what is unsettled goes to the database, in its order, and the sessions catch up. */
  spillOverdue(before: number): void {
    const oldest = this.oldestHeld;
    if (oldest !== null && oldest <= before) this.#spill();
  }

  /** The read that failed may be tried again. */
  retryRead(): void {
    this.#catchUp.readOn();
  }

  /**
   * Stops serving for good, as the account's home moves. What is unsettled is left to the senders' servers, which
   * send it to the new home; what the database was not given yet is taken back.
   */
  moveAway(): void {
    this.#phase = "moved";
    this.#catchUp.stop();
    for (const held of this.#unsettled()) this.#release(held);
    this.#held.takeAll();
    for (const { queued } of this.#writing.values()) queued.giveUp();
    this.#writing.clear();
    this.#attached.clear();
  }

  /**
   * @param frame the same frame as bytes, whole unless there is a
   * @param fanOut
   */
  #take(held: Held, frame: Uint8Array, fanOut: FanOut | null): void {
    switch (this.#phase) {
      case "opening":
        this.#held.add(held);
        if (!this.#held.over) return;
        this.#held.take(held.key);
        this.#refuse(held);
        return;
      case "stored":
      case "catchingUp":
        this.#write(held);
        return;
      case "live":
        this.#held.add(held);
        if (this.#held.size === 1) this.ports.changed(this);
        if (this.#held.over || this.#anyFull() || this.#isServerFull(2)) {
          this.#spill();
        } else {
          held.delivered = true;
          if (fanOut === null) this.#deliver(frame);
          else this.#fan(fanOut, frame.subarray(HOT_HEADER_BYTES));
        }
        return;
      case "moved":
        // Left to its sender's server, which sends it to the new home.
        this.#release(held);
        return;
    }
  }

  #anyFull(): boolean {
    for (const { server } of this.#attached.values()) if (this.ports.full(server)) return true;
    return false;
  }

  /** From live back to catching up, through the database. What the sessions were given already is not read to them again. */
  #spill(): void {
    const held = this.#held.takeAll();
    this.#phase = "catchingUp";
    const given = held.filter(({ delivered }) => delivered);
    this.#catchUp.resume(
      given.map(({ key, frame, body }) => ({ key, bytes: frame.length + body.envelope.length })),
    );
    for (const one of held) this.#write(one);
  }

  #startOver(): void {
    this.#phase = "catchingUp";
    this.#catchUp.startOver();
  }

  #becomeLive(): void {
    this.#phase = "live";
    this.#catchUp.pause();
    this.#rows = this.#catchUp.unacknowledged;
    for (const { server, session } of this.#attached.values())
      this.ports.send(server, { type: "live", session });
    this.ports.changed(this);
  }

  #write(held: Held): void {
    // What a session was given cannot be refused any more; how much that can be is bounded by what may be held.
    if (!held.delivered && this.#rows + this.#writing.size >= this.ports.limits.pendingPerAccount) {
      this.#refuse(held);
      this.#recount();
      return;
    }
    if (!held.delivered && this.#isServerFull(2)) {
      this.#refuse(held);
      return;
    }
    const id = (held.body.id ??= this.ports.newBodyId());
    const row = queuedRow(this.#deliveryKey(held.sender, held.message), held, id);
    const queued = this.ports.writer.insert(row, (outcome) => this.#written(held, outcome));
    this.#writing.set(held.key, { held, queued });
  }

  #written(held: Held, outcome: WriteOutcome): void {
    this.#writing.delete(held.key);
    if (this.#phase === "moved") return;
    if (outcome !== "refused") this.#rows++;
    this.#catchUp.committed(outcome === "repeated");
    this.#settle(held, outcome === "refused" ? Outcome.noSuchAccount : Outcome.stored);
    this.#catchUp.readOn();
    if (this.idle) this.ports.changed(this);
  }

  /** What stood already was counted again, and not every removal is counted: what refuses messages is looked up anew. */
  #recount(): void {
    const now = this.ports.now();
    if (now - this.#countedAt < this.ports.limits.recountMs) return;
    this.#countedAt = now;
    const before = this.#rows;
    void this.ports.count(this.account).then((rows) => {
      // What was committed meanwhile may or may not be among them.
      if (rows !== null) this.#rows = Math.max(0, rows + this.#rows - before);
    });
  }

  *#unsettled(): Iterable<Held> {
    yield* this.#held.values();
    for (const { held } of this.#writing.values()) yield held;
  }

  #remove(sender: AccountId, message: MessageId): void {
    this.ports.writer.remove(this.#deliveryKey(sender, message));
  }

  #deliveryKey(sender: AccountId, message: MessageId): DeliveryKey {
    return { recipient: this.account, sender, message };
  }

  #refuse(held: Held): void {
    for (const origin of held.origins) this.#refusing.add(sessionKey(origin));
    this.#settle(held, Outcome.queueFull);
  }

  #settle(held: Held, outcome: Outcome): void {
    for (const origin of held.origins) this.#answer(origin, outcome);
    held.origins = [];
    this.#release(held);
  }

  #release(held: Held): void {
    this.ports.kept.bytes -= keptBytes(held);
    held.frame = RELEASED;
  }

  /**
   * Whether what all mailboxes here keep is more than so many times what it may be. People who are online are served up
   * to twice the limit: with the database away, what waits for others must not end their talk.
   */
  #isServerFull(times: number): boolean {
    return this.ports.kept.bytes > times * this.ports.limits.unsettledBytes;
  }

  #answer({ server, dispatch }: Origin, outcome: Outcome): void {
    this.ports.send(server, { type: "settled", dispatch, recipient: this.account, outcome });
  }

  #fan(fanOut: FanOut, entry: Uint8Array): void {
    for (const attachment of this.#attached.values()) fanOut.add(attachment, entry);
  }

  #deliver(frame: Uint8Array): void {
    for (const { server, session } of this.#attached.values()) {
      this.ports.send(server, { type: "deliver", session, frame });
    }
  }
}

function sessionKey({ server, session }: Attachment): string {
  return `${server}/${session}`;
}
