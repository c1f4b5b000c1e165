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
import { Kind, Outcome, encodeSend, decodeSend } from "../../protocol/hot.js";
import type { AccountId, MessageId, ServerId, SessionNumber } from "../../protocol/ids.js";
import type { LinkMessage } from "../../protocol/link.js";
import type { Body, BodyId, DeliveryKey, StoredDelivery } from "../../store/deliveries.js";
import type { DeliveryWriter, QueuedInsert } from "./delivery-writer.js";
import { RELEASED, keepFrame, restoreFrame, type KeptFrame } from "./kept-frame.js";

/** Who asked for a message to be settled, under which number of theirs, and for which of their sessions. */
export interface Origin {
  readonly server: ServerId;
  readonly dispatch: number;
  readonly session: SessionNumber;
}

/** A session, and the server it is connected to. */
export interface Attachment {
  readonly server: ServerId;
  readonly session: SessionNumber;
}

/** The body of a message on its way to several recipients here: stored once, under one id. */
export interface SharedBody {
  /** `null` until it is first written: most messages never are. */
  id: BodyId | null;
}

/** What a mailbox needs of its server. */
export interface MailboxPorts {
  send(to: ServerId, message: LinkMessage): void;
  /** Whether deliveries to that server should wait. */
  full(to: ServerId): boolean;
  now(): number;
  newBodyId(): BodyId;
  readonly writer: DeliveryWriter;
  /** Reads rows, or `null` where the database failed; then the mailbox asks again after a while. */
  read(recipient: AccountId, position: number, limit: number): Promise<StoredDelivery[] | null>;
  /** How many rows wait for an account, or `null` where the database failed or there is no such account. */
  count(recipient: AccountId): Promise<number | null>;
  /** The mailbox has changed in a way that its registry may want to forget or watch it for. */
  changed(mailbox: Mailbox): void;
  readonly limits: {
    readonly catchUpWindow: number;
    readonly heldPerMailbox: number;
    readonly heldBytesPerMailbox: number;
    readonly pendingPerAccount: number;
    /** How long a count of the rows is taken for right, in milliseconds. */
    readonly recountMs: number;
  };
}

/** A message that is not settled yet. */
interface Held {
  readonly sender: AccountId;
  readonly message: MessageId;
  /** A `deliver` frame that names this account. */
  frame: KeptFrame;
  readonly body: SharedBody;
  readonly since: number;
  origins: Origin[];
  /** Whether every attached session was given it. */
  delivered: boolean;
}

/** A message given to the writer. */
interface Writing {
  readonly held: Held;
  readonly queued: QueuedInsert;
}

type Phase = "opening" | "stored" | "catchingUp" | "live" | "moved";

export class Mailbox {
  #phase: Phase = "opening";
  readonly #attached = new Map<string, Attachment>();
  /** Unsettled, in the order of arrival: while opening, and while live. */
  #held = new Map<string, Held>();
  #heldBytes = 0;
  readonly #writing = new Map<string, Writing>();
  /** Rows in the database, as far as is known: at least as many as there are. */
  #rows = 0;
  #countedAt: number;
  /** Position of the last row read to the attached sessions. */
  #position = 0;
  /** What all attached sessions were given, nobody acknowledged yet, and stands in the database or is on its way there. */
  readonly #unacknowledged = new Set<string>();
  #reading = false;
  /** Counts starts over: the rows of a read from before are for sessions that may be gone, and come again. */
  #round = 0;
  /** Counts commits: a read that was under way may have missed their rows. */
  #commits = 0;
  /** Whether a row may have come to stand below the position, since an earlier home's commit was a late one. */
  #behind = false;
  /**
   * Sessions that a message was refused to, for a full queue. What they send behind it is refused, too, for as long as
   * they last: a sender who has not heard of the refusal sends that message again, and it must not come behind them.
   */
  readonly #refusing = new Set<string>();
  /** Acknowledgements still to come from further sessions for messages that are settled; they need no removal. */
  readonly #echoes = new Map<string, number>();

  constructor(
    readonly account: AccountId,
    private readonly ports: MailboxPorts,
  ) {
    this.#countedAt = ports.now();
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
    if (this.#phase !== "live") return null;
    for (const held of this.#held.values()) return held.since;
    return null;
  }

  /** The store's answer to opening: how many rows wait, or `null` where there is no such account. */
  opened(rows: number | null): void {
    if (this.#phase !== "opening") return;
    if (rows === null) {
      const held = this.#takeHeld();
      this.#phase = "stored";
      for (const one of held) this.#settle(one, Outcome.noSuchAccount);
      this.ports.changed(this);
      return;
    }
    this.#rows = rows;
    const held = this.#takeHeld();
    if (this.#attached.size > 0 && rows === 0) {
      this.#becomeLive();
      for (const one of held) this.#accept(one, restoreFrame(one.frame));
    } else {
      this.#phase = this.#attached.size > 0 ? "catchingUp" : "stored";
      for (const one of held) this.#write(one);
      this.#readOn();
      this.ports.changed(this);
    }
  }

  /**
   * Takes a message for this account.
   *
   * @param frame a `deliver` frame that names this account; a view that need not last
   */
  accept(sender: AccountId, message: MessageId, frame: Uint8Array, body: SharedBody, origin: Origin): void {
    const key = keyOf(sender, message);
    const known = this.#held.get(key) ?? this.#writing.get(key)?.held;
    if (known !== undefined) {
      // The same message again: its sender's server changed, or its sender came back. Whoever asked is told.
      known.origins = [...known.origins.filter(({ server }) => server !== origin.server), origin];
      return;
    }
    if (this.#refusing.size > 0 && this.#refusing.has(sessionKey(origin))) {
      this.#answer(origin, Outcome.queueFull);
      return;
    }
    const since = this.ports.now();
    const held = {
      sender,
      message,
      frame: keepFrame(frame),
      body,
      since,
      origins: [origin],
      delivered: false,
    };
    this.#accept(held, frame);
  }

  /** A device of the account has the message in its archive. */
  acknowledge(sender: AccountId, message: MessageId): void {
    const key = keyOf(sender, message);
    const stored = this.#unacknowledged.delete(key);
    const held = this.#phase === "live" ? this.#held.get(key) : undefined;
    if (held !== undefined) {
      this.#held.delete(key);
      this.#heldBytes -= held.frame.length;
      if (this.#attached.size > 1) this.#expectEchoes(key);
      this.#settle(held, Outcome.acknowledged);
      // A sender that came back may send again what was read from the database before.
      if (stored) this.#remove(sender, message);
      return;
    }
    const writing = this.#writing.get(key);
    if (writing !== undefined) {
      this.#settle(writing.held, Outcome.acknowledged);
      if (writing.queued.drop()) {
        this.#writing.delete(key);
        this.#readOn();
      } else {
        this.#remove(sender, message);
      }
      return;
    }
    if (!stored && this.#echoed(key)) return;
    if (stored) this.#rows = Math.max(0, this.#rows - 1);
    this.#remove(sender, message);
    this.#readOn();
  }

  attach(attachment: Attachment): void {
    if (this.#phase === "moved") return;
    this.#attached.set(sessionKey(attachment), attachment);
    switch (this.#phase) {
      case "opening":
        return;
      case "live":
        // Nothing is stored, but something may be on its way to the others: only through the database is it also
        // for the new session, in its order.
        if (this.#held.size === 0 && this.#unacknowledged.size === 0) {
          this.#sendLive(attachment);
          return;
        }
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
    this.#unacknowledged.clear();
    switch (this.#phase) {
      case "live":
      case "catchingUp": {
        const held = this.#takeHeld();
        this.#phase = "stored";
        this.#round++;
        for (const one of held) this.#write(one);
        this.ports.changed(this);
        return;
      }
      case "opening":
      case "stored":
      case "moved":
        return;
    }
  }

  /** A session that messages were refused to has ended: what its client sends next is sent with all that went before. */
  senderEnded(sender: Attachment): void {
    if (this.#refusing.delete(sessionKey(sender)) && this.idle) this.ports.changed(this);
  }

  /**
   * A server is gone, with its sessions, and with those who asked for messages to be settled: its next start counts
   * its messages from one again, and must not be told of others under their numbers.
   */
  serverGone(id: ServerId): void {
    for (const held of [...this.#held.values(), ...[...this.#writing.values()].map((one) => one.held)]) {
      held.origins = held.origins.filter(({ server }) => server !== id);
    }
    for (const attachment of [...this.#attached.values()])
      if (attachment.server === id) this.detach(attachment);
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
    this.#readOn();
  }

  /**
   * Stops serving for good, as the account's home moves. What is unsettled is left to the senders' servers, which
   * send it to the new home; what the database was not given yet is taken back.
   */
  moveAway(): void {
    this.#phase = "moved";
    this.#takeHeld();
    for (const [key, { queued }] of this.#writing) if (queued.drop()) this.#writing.delete(key);
    this.#attached.clear();
  }

  /** @param frame the same frame as bytes */
  #accept(held: Held, frame: Uint8Array): void {
    switch (this.#phase) {
      case "opening":
        if (this.#overHeld()) this.#refuse(held);
        else this.#hold(held);
        return;
      case "stored":
      case "catchingUp":
        this.#write(held);
        return;
      case "live":
        this.#hold(held);
        if (this.#overHeld() || this.#anyFull()) this.#spill();
        else this.#deliverHeld(held, frame);
        return;
      case "moved":
        // Left to its sender's server, which sends it to the new home.
        return;
    }
  }

  #deliverHeld(held: Held, frame: Uint8Array): void {
    held.delivered = true;
    for (const attachment of this.#attached.values()) this.#deliver(attachment, frame);
  }

  #hold(held: Held): void {
    this.#held.set(keyOf(held.sender, held.message), held);
    this.#heldBytes += held.frame.length;
    if (this.#held.size === 1 && this.#phase === "live") this.ports.changed(this);
  }

  #takeHeld(): Held[] {
    const held = [...this.#held.values()];
    this.#held = new Map();
    this.#heldBytes = 0;
    return held;
  }

  #overHeld(): boolean {
    const { heldPerMailbox, heldBytesPerMailbox } = this.ports.limits;
    return this.#held.size > heldPerMailbox || this.#heldBytes > heldBytesPerMailbox;
  }

  #anyFull(): boolean {
    for (const { server } of this.#attached.values()) if (this.ports.full(server)) return true;
    return false;
  }

  /** From live back to catching up, through the database. What the sessions were given already is not read to them again. */
  #spill(): void {
    const held = this.#takeHeld();
    this.#phase = "catchingUp";
    for (const one of held) {
      if (one.delivered) this.#unacknowledged.add(keyOf(one.sender, one.message));
      this.#write(one);
    }
  }

  #write(held: Held): void {
    const key = keyOf(held.sender, held.message);
    // What a session was given cannot be refused any more; how much that can be is bounded by what may be held.
    if (!held.delivered && this.#rows + this.#writing.size >= this.ports.limits.pendingPerAccount) {
      this.#refuse(held);
      this.#recount();
      return;
    }
    const { conversation, epoch, keys, envelope } = decodeSend(restoreFrame(held.frame));
    held.body.id ??= this.ports.newBodyId();
    const body: Body = { id: held.body.id, content: envelope };
    const delivery = {
      ...this.#deliveryKey(held.sender, held.message),
      conversation,
      epoch,
      key: keys[0]?.key ?? new Uint8Array(),
      body: body.id,
    };
    const queued = this.ports.writer.insert(delivery, body, (outcome) => {
      this.#writing.delete(key);
      if (this.#phase === "moved") return;
      if (outcome !== "refused") this.#rows++;
      if (outcome === "repeated") this.#behind = true;
      this.#commits++;
      this.#settle(held, outcome === "refused" ? Outcome.noSuchAccount : Outcome.stored);
      this.#readOn();
      if (this.idle) this.ports.changed(this);
    });
    this.#writing.set(key, { held, queued });
  }

  /** What stood already was counted again, and removals are not counted: what refuses messages is looked up anew. */
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
    held.frame = RELEASED;
  }

  #answer({ server, dispatch }: Origin, outcome: Outcome): void {
    this.ports.send(server, { type: "settled", dispatch, recipient: this.account, outcome });
  }

  #deliver({ server, session }: Attachment, frame: Uint8Array): void {
    this.ports.send(server, { type: "deliver", session, frame });
  }

  /** Reads from the oldest row again, to every attached session. */
  #startOver(): void {
    this.#phase = "catchingUp";
    this.#position = 0;
    this.#behind = false;
    this.#unacknowledged.clear();
    this.#round++;
    this.#readOn();
  }

  #readOn(): void {
    const room = this.ports.limits.catchUpWindow - this.#unacknowledged.size;
    // Half a window at least, so that a reader who acknowledges one by one does not cause a query for each.
    if (this.#phase !== "catchingUp" || this.#reading || room < this.ports.limits.catchUpWindow / 2) return;
    if (this.#anyFull()) return;
    if (this.#behind) {
      this.#behind = false;
      this.#position = 0;
    }
    this.#reading = true;
    const round = this.#round;
    const commits = this.#commits;
    void this.ports.read(this.account, this.#position, room).then((rows) => {
      this.#reading = false;
      if (this.#phase !== "catchingUp" || rows === null) return;
      if (round !== this.#round || this.#behind) {
        this.#readOn();
      } else if (rows.length > 0) {
        if (this.#deliverRows(rows)) this.#readOn();
      } else if (commits !== this.#commits) {
        this.#readOn();
      } else if (this.#writing.size === 0) {
        this.#becomeLive();
      }
    });
  }

  /**
   * Stops at a row whose write is not answered yet: only the answer tells whether one before it stands at a lower
   * position.
   *
   * @returns whether there may be more to read at once
   */
  #deliverRows(rows: readonly StoredDelivery[]): boolean {
    for (const row of rows) {
      const key = keyOf(row.sender, row.message);
      const known = this.#unacknowledged.has(key);
      if (!known && this.#writing.has(key)) return false;
      this.#position = row.position;
      if (known) continue;
      this.#unacknowledged.add(key);
      const frame = encodeSend(Kind.deliver, {
        epoch: row.epoch,
        message: row.message,
        account: row.sender,
        conversation: row.conversation,
        keys: [{ recipient: this.account, key: row.key }],
        envelope: row.content,
      });
      for (const attachment of this.#attached.values()) this.#deliver(attachment, frame);
    }
    return true;
  }

  #becomeLive(): void {
    this.#phase = "live";
    this.#rows = this.#unacknowledged.size;
    for (const attachment of this.#attached.values()) this.#sendLive(attachment);
    this.ports.changed(this);
  }

  #sendLive({ server, session }: Attachment): void {
    this.ports.send(server, { type: "live", session });
  }

  #expectEchoes(key: string): void {
    this.#echoes.set(key, this.#attached.size - 1);
    if (this.#echoes.size > this.ports.limits.heldPerMailbox) {
      for (const oldest of this.#echoes.keys()) {
        this.#echoes.delete(oldest);
        break;
      }
    }
  }

  #echoed(key: string): boolean {
    const left = this.#echoes.get(key);
    if (left === undefined) return false;
    if (left > 1) this.#echoes.set(key, left - 1);
    else this.#echoes.delete(key);
    return true;
  }
}

function keyOf(sender: AccountId, message: MessageId): string {
  return sender + message;
}

function sessionKey({ server, session }: Attachment): string {
  return `${server}/${session}`;
}
