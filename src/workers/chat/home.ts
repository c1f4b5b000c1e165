/**
 * The mailboxes that are at home on this server, in the present view (PROTOCOL.md, "Views and homes"). Makes them when
 * something arrives or somebody attaches, opens them many at a time, and gives them up when their home moves.
 */
import { Kind, HOT_HEADER_BYTES, entrySpans, frameAccount, frameMessage } from "../../protocol/hot.js";
import type { AccountId, Incarnation, MessageId, ServerId } from "../../protocol/ids.js";
import type { Forward, ForwardMany, LinkMessage } from "../../protocol/link.js";
import type { Clock, Log } from "../../protocol/runtime.js";
import { toHex } from "../../protocol/bytes.js";
import { EMPTY_VIEW, homeOf, type View } from "../../protocol/view.js";
import { isPassing } from "../../store/database.js";
import type { DeliveryStore } from "../../store/deliveries.js";
import { backoffMs } from "./backoff.js";
import type { BodyIds } from "./body-ids.js";
import type { DeliveryWriter } from "./delivery-writer.js";
import { RELEASED, keepFrame } from "./kept-frame.js";
import { movedAlong, viewPath, type ViewPath } from "./view-path.js";
import { Mailbox } from "./mailbox.js";
import type { Attachment, MailboxPorts } from "./mailbox-ports.js";
import { ServerFanOut } from "./server-fan-out.js";

export interface HomeOptions {
  readonly self: { readonly id: ServerId; readonly incarnation: Incarnation };
  readonly store: DeliveryStore;
  readonly writer: DeliveryWriter;
  readonly clock: Clock;
  readonly bodyIds: BodyIds;
  readonly log: Log;
  /** To another server, or to this one's own sessions and dispatcher. */
  readonly send: (to: ServerId, message: LinkMessage) => void;
  readonly full: (to: ServerId) => boolean;
  readonly soon: (callback: () => void) => void;
  readonly limits: Omit<MailboxPorts["limits"], "recountMs"> & { readonly idleMailboxes: number };
  readonly timeouts: {
    readonly ackMs: number;
    readonly prepareMs: number;
    readonly restartMinMs: number;
    readonly restartMaxMs: number;
  };
}

/** Mailboxes that one statement opens, at most. */
const OPENED_AT_ONCE = 256;

/** The most views that are remembered. */
const MOST_VIEWS = 64;

export class Home {
  #view: View = EMPTY_VIEW;
  /** Prepared since the view that holds, in order. */
  #prepared: View[] = [];
  /** How this server came to the view that holds, by all views before: what waits on a link may be of one long ago. */
  #path: ViewPath = [EMPTY_VIEW];
  readonly #mailboxes = new Map<AccountId, Mailbox>();
  /** Mailboxes that hold messages for an acknowledgement, in the order in which they began to. */
  readonly #watched = new Set<Mailbox>();
  /** Mailboxes that could be forgotten, least lately used first. */
  readonly #idle = new Set<Mailbox>();
  #opening: Mailbox[] = [];
  #isOpening = false;
  readonly #ports: MailboxPorts;

  constructor(private readonly options: HomeOptions) {
    const { clock, writer, send, full, limits, timeouts } = options;
    this.#ports = {
      send,
      full,
      writer,
      limits: { ...limits, recountMs: timeouts.ackMs },
      kept: { bytes: 0 },
      now: () => clock.now(),
      newBodyId: () => options.bodyIds.next(),
      read: (recipient, position, limit, maxBytes) => this.#read(recipient, position, limit, maxBytes),
      count: (recipient) => this.#count(recipient),
      changed: (mailbox) => this.#changed(mailbox),
    };
  }

  get size(): number {
    return this.#mailboxes.size;
  }

  /** A message whose only recipient the sender's server takes to be at home here. */
  forward(from: ServerId, { dispatch, view, session, frame }: Forward): void {
    this.#catchUpWith(view);
    // The same bytes but for the first: a direct message is never built anew on its way.
    frame[0] = Kind.deliver;
    const recipient = toHex(frame, HOT_HEADER_BYTES, HOT_HEADER_BYTES + 16) as AccountId;
    const body = { id: null, envelope: RELEASED, among: 1 };
    const origin = { server: from, dispatch, session };
    const mailbox = this.#mailboxFor(recipient, view);
    mailbox?.accept(frameAccount(frame), frameMessage(frame), frame, body, origin, null);
  }

  /** A message for those of its recipients whom the sender's server takes to be at home here. */
  forwardMany(from: ServerId, { dispatch, view, session, frame, body: id }: ForwardMany): void {
    this.#catchUpWith(view);
    const sender = frameAccount(frame);
    const message = frameMessage(frame);
    const origin = { server: from, dispatch, session };
    const spans = entrySpans(frame);
    const envelope = frame.subarray(spans[spans.length - 1]?.end);
    const body = { id, envelope: keepFrame(envelope), among: spans.length };
    const header = Buffer.from(frame.subarray(0, HOT_HEADER_BYTES));
    header[0] = Kind.deliver;
    header.writeUInt16BE(1, 2);
    const fanOut = new ServerFanOut(header, envelope);
    for (const { recipient, start, end } of spans) {
      const own = Buffer.concat([header, frame.subarray(start, end)]);
      this.#mailboxFor(recipient, view)?.accept(sender, message, own, body, origin, fanOut);
    }
    fanOut.send(this.options.send);
  }

  attach(account: AccountId, attachment: Attachment, view: number): void {
    this.#catchUpWith(view);
    this.#mailbox(account)?.attach(attachment);
  }

  detach(account: AccountId, attachment: Attachment): void {
    this.#mailboxes.get(account)?.detach(attachment);
  }

  /** A session that messages were refused to has ended. */
  senderEnded(account: AccountId, sender: Attachment): void {
    this.#mailboxes.get(account)?.senderEnded(sender);
  }

  acknowledge(recipient: AccountId, sender: AccountId, message: MessageId): void {
    const mailbox = this.#mailbox(recipient);
    if (mailbox === null) return;
    mailbox.acknowledge(sender, message);
    this.#changed(mailbox);
  }

  /** The link to a server has room again, or its sessions may read on for another reason. */
  readOn(): void {
    for (const mailbox of this.#mailboxes.values()) mailbox.retryRead();
  }

  /** A server is gone, with every session that was connected to it. */
  serverGone(id: ServerId): void {
    for (const mailbox of this.#mailboxes.values()) mailbox.serverGone(id);
  }

  /**
   * Stops serving the mailboxes that move away in the next view. Resolves when the batch that was with the database
   * is answered, or after half the time that the supervisor gives: a row that is committed later can only be a copy
   * of what the senders' servers send to the new home.
   */
  async prepare(next: View): Promise<void> {
    if (next.number <= this.#view.number) return;
    this.#prepared.push(next);
    for (const mailbox of [...this.#mailboxes.values()]) {
      if (!this.#isHome(next, mailbox.account)) this.#giveUp(mailbox);
    }
    const { clock, writer, timeouts } = this.options;
    await new Promise<void>((resolve) => {
      const timer = clock.after(timeouts.prepareMs / 2, resolve);
      void writer.whenBatchEnds().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  activate(view: View): void {
    if (view.number <= this.#view.number) return;
    const [, ...onward] = viewPath(this.#view, this.#prepared, view);
    this.#path = [...this.#path, ...onward].slice(-MOST_VIEWS);
    this.#prepared = this.#prepared.filter(({ number }) => number > view.number);
    this.#view = view;
    for (const mailbox of [...this.#mailboxes.values()]) {
      if (!this.#isHome(view, mailbox.account)) this.#giveUp(mailbox);
    }
  }

  /** Has what waited too long for an acknowledgement written; called every now and then. */
  tick(lateMs: number): void {
    const before = this.options.clock.now() - this.options.timeouts.ackMs - lateMs;
    for (const mailbox of this.#watched) {
      if (mailbox.oldestHeld === null) this.#watched.delete(mailbox);
      else mailbox.spillOverdue(before);
    }
  }

  /**
   * Who sends by a later view knows that it was activated; the news of it is on its way here. Serving before it
   * arrives is safe, since every server has prepared that view.
   */
  #catchUpWith(view: number): void {
    const known = this.#prepared.findLast(({ number }) => number <= view);
    if (known !== undefined) this.activate(known);
  }

  /**
   * As {@link Home.#mailbox}, for a message that was sent by that view. Where the account's mailbox began here only
   * after it, what its sender's server sent before is lost and comes again with the news of the view: the message
   * would be in front of it, so it is left to come again in its order.
   */
  #mailboxFor(account: AccountId, view: number): Mailbox | null {
    return view < this.#view.number && this.#movedSince(view, account) ? null : this.#mailbox(account);
  }

  /** Whether an account's mailbox began anew somewhere on the way from that view to the present one. */
  #movedSince(view: number, account: AccountId): boolean {
    const from = this.#path.findLastIndex(({ number }) => number <= view);
    return movedAlong(this.#path.slice(Math.max(0, from)), account);
  }

  /** The mailbox of an account that is at home here, or `null`: then its sender's server will send it where it is. */
  #mailbox(account: AccountId): Mailbox | null {
    const known = this.#mailboxes.get(account);
    if (known !== undefined) {
      this.#idle.delete(known);
      return known;
    }
    if (!this.#isHome(this.#view, account)) return null;
    if (this.#prepared.some((view) => !this.#isHome(view, account))) return null;
    const mailbox = new Mailbox(account, this.#ports);
    this.#mailboxes.set(account, mailbox);
    this.#opening.push(mailbox);
    if (!this.#isOpening) {
      this.#isOpening = true;
      this.options.soon(() => void this.#open());
    }
    return mailbox;
  }

  #isHome(view: View, account: AccountId): boolean {
    const home = homeOf(view, account);
    return home?.id === this.options.self.id && home.incarnation === this.options.self.incarnation;
  }

  #giveUp(mailbox: Mailbox): void {
    mailbox.moveAway();
    this.#mailboxes.delete(mailbox.account);
    this.#watched.delete(mailbox);
    this.#idle.delete(mailbox);
  }

  #changed(mailbox: Mailbox): void {
    if (mailbox.oldestHeld !== null) this.#watched.add(mailbox);
    if (!mailbox.idle || this.#mailboxes.get(mailbox.account) !== mailbox) return;
    this.#idle.add(mailbox);
    if (this.#idle.size <= this.options.limits.idleMailboxes) return;
    for (const oldest of this.#idle) {
      this.#idle.delete(oldest);
      this.#mailboxes.delete(oldest.account);
      break;
    }
  }

  /** Opens what is to be opened, some at a time: the rows of many full mailboxes take the database long to count. */
  async #open(): Promise<void> {
    const { store, log, clock, timeouts } = this.options;
    for (let tries = 1; ; tries++) {
      this.#opening = this.#opening.filter(({ phase }) => phase === "opening");
      const batch = this.#opening.slice(0, OPENED_AT_ONCE);
      if (batch.length === 0) break;
      try {
        const pending = await store.pending(batch.map(({ account }) => account));
        this.#opening = this.#opening.slice(batch.length);
        for (const mailbox of batch) mailbox.opened(pending.get(mailbox.account) ?? null);
        tries = 0;
      } catch (error) {
        log[isPassing(error) ? "debug" : "warn"](
          { error: String(error), mailboxes: batch.length },
          "mailboxes not opened yet",
        );
        const ms = backoffMs(tries, timeouts.restartMinMs, timeouts.restartMaxMs);
        await new Promise<void>((resolve) => clock.after(ms, resolve));
      }
    }
    this.#isOpening = false;
  }

  async #count(recipient: AccountId): Promise<number | null> {
    try {
      return (await this.options.store.pending([recipient])).get(recipient) ?? null;
    } catch {
      // The next refusal asks again.
      return null;
    }
  }

  async #read(recipient: AccountId, position: number, limit: number, maxBytes: number) {
    try {
      return await this.options.store.read(recipient, position, limit, maxBytes);
    } catch (error) {
      this.options.log[isPassing(error) ? "debug" : "warn"](
        { error: String(error) },
        "pending messages not read yet",
      );
      this.options.clock.after(this.options.timeouts.restartMaxMs / 4, () =>
        this.#mailboxes.get(recipient)?.retryRead(),
      );
      return null;
    }
  }
}
