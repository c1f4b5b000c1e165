/**
 * A chat server: sessions of clients, the home of mailboxes, and the way between them over links. It is given clock,
 * chance, links and store, and so does not know which thread it is on, nor whether time is real.
 */
import { toHex } from "../../protocol/bytes.js";
import { serverMessages, type ServerMessage } from "../../protocol/chat.js";
import type { Config } from "../../config.js";
import { FastChatError, errorRecord } from "../../protocol/errors.js";
import type {
  AccountId,
  ConversationId,
  DeviceId,
  Incarnation,
  ServerId,
  SessionNumber,
} from "../../protocol/ids.js";
import type { LinkMessage } from "../../protocol/link.js";
import type { Clock, FrameChannel, FrameHandlers, Log, Random, Timer } from "../../protocol/runtime.js";
import type {
  ConnectedSession,
  FromBalancer,
  LoadReport,
  SessionEnd,
  SessionMove,
  SessionTraffic,
  ToBalancer,
} from "../../protocol/threads.js";
import { EMPTY_VIEW, homeOf, type View } from "../../protocol/view.js";
import { isPassing } from "../../store/database.js";
import type { DeliveryStore } from "../../store/deliveries.js";
import type { GroupStore } from "../../store/groups.js";
import { BodyIds } from "./body-ids.js";
import { takeBusiest } from "./busiest.js";
import { DeliveryWriter } from "./delivery-writer.js";
import { Dispatcher } from "./dispatcher.js";
import { GroupNews } from "./group-news.js";
import { GroupRegistry } from "./group-registry.js";
import { GroupSends } from "./group-sends.js";
import type { HandlerContext } from "./handlers/context.js";
import { frameOnSession } from "./handlers/frames.js";
import { Home } from "./home.js";
import type { Link } from "./link.js";
import { LoadMeter, type LoadGauges } from "./load-meter.js";
import { newSession, type OpenState, type Session } from "./session.js";
import { movedAlong, viewPath } from "./view-path.js";
import type { TicketOffice } from "./tickets.js";

export interface ChatServerOptions {
  readonly id: ServerId;
  readonly incarnation: Incarnation;
  readonly limits: Config["limits"];
  readonly timeouts: Config["timeouts"];
  readonly store: DeliveryStore;
  readonly groups: GroupStore;
  readonly link: Link;
  readonly tickets: TicketOffice;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Runs a callback at the end of this turn of the event loop. */
  readonly soon: (callback: () => void) => void;
  /** To the balancer; dropped while there is none, as it is told everything when it is back. */
  readonly tellBalancer: (message: ToBalancer) => void;
}

/** How often sessions and mailboxes are looked at for what is overdue. */
const TICK_MS = 1000;
const REVOKED: Readonly<Record<SessionEnd, string>> = {
  notSignedIn: "This device was logged out.",
  suspended: "This account is suspended.",
};

export class ChatServer {
  readonly #sessions = new Map<SessionNumber, Session>();
  /** Sessions that take deliveries, by the number under which homes know them. */
  readonly #attached = new Map<SessionNumber, Session>();
  /** Connections without a session yet. */
  readonly #arriving = new Set<Session>();
  readonly #home: Home;
  readonly #writer: DeliveryWriter;
  readonly #dispatcher: Dispatcher;
  readonly #groups: GroupRegistry;
  readonly #groupNews: GroupNews;
  readonly #groupSends: GroupSends;
  readonly #meter: LoadMeter;
  readonly #context: HandlerContext;
  #view: View = EMPTY_VIEW;
  /** Prepared since the view that holds, in order. */
  #prepared: View[] = [];
  #tick: Timer;
  /** When the next tick is due: one that comes far too late says that this server slept, and not its clients. */
  #tickDueAt: number;
  #sweptAt: number;
  #stopping = false;

  constructor(private readonly options: ChatServerOptions) {
    const { id, clock, random, log, store, groups, soon, limits, timeouts, link } = options;
    const bodyIds = new BodyIds(random);
    this.#writer = new DeliveryWriter({
      store,
      clock,
      log,
      soon,
      maxRows: limits.writeBatchRows,
      maxBytes: limits.writeBatchBytes,
      retryMinMs: timeouts.restartMinMs,
      retryMaxMs: timeouts.restartMaxMs,
    });
    const send = (to: ServerId, message: LinkMessage): void => {
      if (to === id) this.linkMessage(id, message);
      else link.send(to, message);
    };
    this.#home = new Home({
      self: options,
      store,
      writer: this.#writer,
      clock,
      bodyIds,
      log,
      soon,
      send,
      full: (to) => this.#isFull(to),
      limits,
      timeouts,
    });
    this.#dispatcher = new Dispatcher({
      send,
      accepted: (session, frame, cost, takenAt) => this.#accepted(session, frame, cost, takenAt),
      refusedTooOften: (number) => {
        const session = this.#sessions.get(number);
        const error = new FastChatError("tooMany", "Too many recipients have full queues; connect again.");
        if (session !== undefined) this.#end(session, error);
      },
      maxRefusing: limits.maxRecipients,
      newBodyId: () => bodyIds.next(),
    });
    this.#groupNews = new GroupNews({
      peers: () => link.peers(),
      send: (to, message) => link.send(to, message),
    });
    this.#groups = new GroupRegistry({
      store: groups,
      tellOthers: (group, epoch, accounts) => {
        this.#tellSessions(group, epoch, accounts);
        return this.#groupNews.tell(group, epoch, accounts);
      },
      most: limits.groupsInMemory,
    });
    this.#groupSends = new GroupSends({
      registry: this.#groups,
      dispatch: (session, frame, takenAt) => this.#dispatcher.dispatch(session, frame, takenAt),
      refused: (session, frame, cost, takenAt) => this.#accepted(session, frame, cost, takenAt),
      clock,
      log,
      retryMinMs: timeouts.restartMinMs,
      retryMaxMs: timeouts.restartMaxMs,
    });
    this.#meter = new LoadMeter(clock.now());
    this.#context = {
      id,
      limits,
      timeouts,
      dispatcher: this.#dispatcher,
      groups: this.#groups,
      groupSends: this.#groupSends,
      meter: this.#meter,
      verifyTicket: (ticket) => options.tickets.verify(ticket),
      reply: (session, message) => reply(session, message),
      failed: (error) => log.error({ error: describe(error) }, "a request failed"),
      end: (session, error) => this.#end(session, error),
      open: (session, state, nonce) => this.#open(session, state, nonce),
      attach: (session) => this.#wantDelivery(session),
      toHome: (account, message) => {
        const home = homeOf(this.#view, account);
        if (home !== null) send(home.id, message);
        return home === null || !this.#isFull(home.id);
      },
      hold: (session) => this.#hold(session),
    };
    this.#sweptAt = clock.now();
    this.#tickDueAt = this.#sweptAt + TICK_MS;
    this.#tick = clock.after(TICK_MS, () => this.#tickOnClock());
  }

  /** Takes a client's connection. */
  accept(channel: FrameChannel): FrameHandlers {
    const session = newSession(channel, this.options.clock.now());
    if (
      this.#stopping ||
      this.#sessions.size + this.#arriving.size >= this.options.limits.connectionsPerServer
    ) {
      this.#end(
        session,
        new FastChatError("unavailable", "This server takes no more connections; connect again."),
      );
    } else {
      this.#arriving.add(session);
    }
    return {
      onFrame: (frame) => this.#frameOnChannel(session, frame),
      onDrain: () => this.#drainOnChannel(session),
      onClose: () => this.#gone(session),
    };
  }

  /** A message of another chat server, or of this one to itself. */
  linkMessage(from: ServerId, message: LinkMessage): void {
    switch (message.type) {
      case "forward":
        return this.#home.forward(from, message);
      case "forwardMany":
        return this.#home.forwardMany(from, message);
      case "settled":
        return this.#dispatcher.settled(message.dispatch, message.recipient, message.outcome);
      case "deliver":
        return this.#deliver(message.session, message.frame);
      case "deliverMany": {
        const { to, header, envelope } = message;
        for (const { session, entry } of to) this.#deliver(session, Buffer.concat([header, entry, envelope]));
        return;
      }
      case "ack":
        return this.#home.acknowledge(message.recipient, message.sender, message.message);
      case "attach":
        return this.#home.attach(message.account, { server: from, session: message.session }, message.view);
      case "detach":
        return this.#home.detach(message.account, { server: from, session: message.session });
      case "ended":
        return this.#home.senderEnded(message.account, { server: from, session: message.session });
      case "live": {
        const session = this.#attached.get(message.session);
        if (session !== undefined) reply(session, { type: "live" });
        return;
      }
      case "groupChanged": {
        const { ref, group, epoch, accounts } = message;
        this.#groups.learn(group, epoch);
        this.options.link.send(from, { type: "groupNoted", ref });
        return this.#tellSessions(group, epoch, accounts);
      }
      case "groupNoted":
        return this.#groupNews.noted(from, message.ref);
    }
  }

  /** Another server is gone, with its sessions. Its mailboxes get their new homes with the next view. */
  peerGone(id: ServerId): void {
    this.#home.serverGone(id);
    this.#groupNews.peerGone(id);
    this.#groups.doubt();
  }

  /** Resolves when nothing is being written any more for mailboxes that move away in the next view. */
  prepare(view: View): Promise<void> {
    this.#prepared.push(view);
    return this.#home.prepare(view);
  }

  activate(view: View): void {
    if (view.number <= this.#view.number) return;
    const path = viewPath(this.#view, this.#prepared, view);
    this.#prepared = this.#prepared.filter(({ number }) => number > view.number);
    this.#view = view;
    this.#home.activate(view);
    this.#dispatcher.activate(view, path);
    for (const session of this.#sessions.values()) {
      if (session.state.name !== "open" || session.state.delivery !== "wanted") continue;
      const { account } = session.state;
      if (movedAlong(path, account)) this.#attach(session);
    }
  }

  balancerMessage(message: FromBalancer): void {
    switch (message.type) {
      case "revoked":
        return this.#revoke(message.devices, message.why);
      case "move":
        for (const move of message.moves) this.#move(move);
        return;
    }
  }

  /** Ends the sessions of devices that may not go on. */
  #revoke(devices: readonly DeviceId[], why: SessionEnd): void {
    const revoked = new Set(devices);
    for (const session of [...this.#sessions.values()]) {
      if (session.state.name === "open" && revoked.has(session.state.device)) {
        this.#end(session, new FastChatError(why, REVOKED[why]));
      }
    }
  }

  /** Tells a session where to go on. One that has ended since is known to the balancer as such, or will be soon. */
  #move({ session: number, server, host, port, ticket }: SessionMove): void {
    const session = this.#sessions.get(number);
    if (session === undefined) return;
    session.leaveBy ??= this.options.clock.now() + this.options.timeouts.moveMs;
    reply(session, { type: "move", server, host, port, ticket });
  }

  /** The sessions that had the most messages since the last call, with how many, the busiest first. */
  busiest(): SessionTraffic[] {
    return takeBusiest(this.#sessions.values());
  }

  /** Every open session, for a balancer that does not know them yet. */
  connected(): ConnectedSession[] {
    return [...this.#sessions.values()].flatMap(({ number, state }) =>
      state.name === "open" ? [{ session: number, account: state.account, device: state.device }] : [],
    );
  }

  report(runtime: Pick<LoadGauges, "loopDelayP99Ms" | "utilization">): LoadReport {
    let attached = 0;
    for (const { state } of this.#sessions.values()) {
      if (state.name === "open" && state.delivery !== "none") attached++;
    }
    return this.#meter.report(this.options.clock.now(), {
      ...runtime,
      connections: this.#sessions.size,
      attached,
      mailboxes: this.#home.size,
      unsettled: this.#dispatcher.unsettled,
      writeQueue: this.#writer.pending,
    });
  }

  /**
   * Ends all sessions and finishes the writes that are queued. What is unsettled was not acknowledged to anyone: its
   * senders send it again.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#tick.cancel();
    const error = new FastChatError("unavailable", "The server is stopping; connect again.");
    for (const session of [...this.#sessions.values(), ...this.#arriving]) this.#end(session, error);
    await new Promise<void>((resolve) => {
      const timer = this.options.clock.after(this.options.timeouts.stopMs / 2, resolve);
      void this.#writer.whenIdle().then(() => {
        timer.cancel();
        resolve();
      });
    });
    this.#writer.close();
  }

  #frameOnChannel(session: Session, frame: Uint8Array): void {
    if (session.state.name === "closed") return;
    session.lastFrameAt = this.options.clock.now();
    // A flood waits with its sender until the next second.
    if (++session.frames === this.options.limits.framesPerSecond) session.channel.pause();
    try {
      frameOnSession(this.#context, session, frame)?.catch((error: unknown) => this.#failed(session, error));
    } catch (error) {
      this.#failed(session, error);
    }
  }

  #isFull(server: ServerId): boolean {
    return server !== this.options.id && this.options.link.full(server);
  }

  /** Reads nothing more of the session until its account's home has caught up: messages to it are not bounded otherwise. */
  #hold(session: Session): void {
    session.held = true;
    session.frames = this.options.limits.framesPerSecond;
    session.channel.pause();
  }

  #failed(session: Session, error: unknown): void {
    if (!(error instanceof FastChatError))
      this.options.log.error({ error: describe(error) }, "a frame failed");
    const { code, message } = errorRecord(error);
    this.#end(session, new FastChatError(code, message));
  }

  #open(session: Session, state: OpenState, nonce: Uint8Array): SessionNumber {
    this.#arriving.delete(session);
    session.channel.admit();
    session.number = this.#newNumber();
    session.state = state;
    this.#sessions.set(session.number, session);
    const { account, device } = state;
    this.options.tellBalancer({
      type: "connected",
      session: { session: session.number, account, device },
      nonce: toHex(nonce),
    });
    return session.number;
  }

  #newNumber(): SessionNumber {
    for (;;) {
      const number = new DataView(this.options.random.bytes(4).buffer).getUint32(0);
      if (number !== 0 && !this.#sessions.has(number) && !this.#attached.has(number)) return number;
    }
  }

  #end(session: Session, { code, message }: FastChatError): void {
    if (session.state.name === "closed") return;
    this.#meter.ended(code);
    this.options.log.debug({ session: session.number, code, message }, "session ended");
    reply(session, { type: "closing", code, message: message.slice(0, 500) });
    this.#gone(session);
    session.channel.close();
  }

  #gone(session: Session): void {
    const { state } = session;
    if (state.name === "closed") return;
    session.state = { name: "closed" };
    this.#arriving.delete(session);
    if (state.name !== "open") return;
    this.#sessions.delete(session.number);
    if (state.delivery === "wanted") this.#detach(session, state.account);
    this.#groupSends.forget(session.number);
    this.#dispatcher.forget(session.number, session.unaccepted > 0);
    this.options.tellBalancer({ type: "disconnected", session: session.number });
  }

  /** A hint to those who are connected here; whoever is not asks when they are. */
  #tellSessions(group: ConversationId, epoch: number, accounts: readonly AccountId[]): void {
    const concerned = new Set(accounts);
    for (const session of this.#sessions.values()) {
      if (session.state.name === "open" && concerned.has(session.state.account)) {
        reply(session, { type: "groupChanged", group, epoch });
      }
    }
  }

  #accepted(number: SessionNumber, frame: Uint8Array, cost: number, takenAt: number): void {
    const session = this.#sessions.get(number);
    if (session === undefined) return;
    session.unaccepted--;
    session.unacceptedBytes -= cost;
    session.channel.send(frame);
    this.#meter.accepted(this.options.clock.now() - takenAt);
  }

  #deliver(number: SessionNumber, frame: Uint8Array): void {
    const session = this.#attached.get(number);
    if (session?.state.name !== "open" || session.state.delivery !== "wanted") return;
    session.messages++;
    this.#meter.messageOut(frame.length);
    if (session.channel.send(frame)) return;
    // It does not read: its messages take the way through the database until it does, and nobody else's do.
    const { account } = session.state;
    session.state = { ...session.state, delivery: "parked" };
    this.#detach(session, account);
  }

  #drainOnChannel(session: Session): void {
    if (session.state.name !== "open" || session.state.delivery !== "parked") return;
    this.#startDelivery(session, session.state);
  }

  #wantDelivery(session: Session): void {
    if (session.state.name !== "open" || session.state.delivery !== "none") return;
    this.#startDelivery(session, session.state);
  }

  /**
   * Attaches under a number that is new each time. What a home sent before it heard that the session does not read
   * may still come, behind frames that were left out: it must not count as delivered to a session that reads again.
   */
  #startDelivery(session: Session, state: OpenState): void {
    session.attachment = this.#newNumber();
    this.#attached.set(session.attachment, session);
    session.state = { ...state, delivery: "wanted" };
    this.#attach(session);
  }

  #attach({ attachment, state }: Session): void {
    if (state.name !== "open") return;
    const { account } = state;
    this.#context.toHome(account, { type: "attach", account, session: attachment, view: this.#view.number });
  }

  #detach({ attachment }: Session, account: AccountId): void {
    this.#attached.delete(attachment);
    this.#context.toHome(account, { type: "detach", account, session: attachment });
  }

  #tickOnClock(): void {
    const { clock, timeouts } = this.options;
    const now = clock.now();
    const lateMs = now - this.#tickDueAt;
    // What they sent meanwhile lies in their sockets, unread.
    if (lateMs > TICK_MS) this.#allowForLateness(lateMs);
    for (const session of this.#arriving) {
      if (now - session.lastFrameAt > timeouts.helloMs) {
        this.#end(session, new FastChatError("timeout", "No hello came in time."));
      }
    }
    for (const session of this.#sessions.values()) {
      if (session.leaveBy !== null && now > session.leaveBy) {
        this.#end(session, new FastChatError("unavailable", "This session was to move; connect again."));
        continue;
      }
      if (session.held) {
        const home = session.state.name === "open" ? homeOf(this.#view, session.state.account) : null;
        session.held = home !== null && this.#isFull(home.id);
        session.lastFrameAt = now;
        if (session.held) continue;
      }
      if (session.frames >= this.options.limits.framesPerSecond) session.channel.resume();
      session.frames = 0;
      if (now - session.lastFrameAt > timeouts.idleMs) {
        this.#end(session, new FastChatError("timeout", "Nothing was heard from this client for too long."));
      }
    }
    this.#home.tick(Math.max(0, lateMs));
    this.#home.readOn();
    if (now - this.#sweptAt > timeouts.sweepMs) this.#sweep(now);
    this.#tickDueAt = clock.now() + TICK_MS;
    this.#tick = clock.after(TICK_MS, () => this.#tickOnClock());
  }

  #allowForLateness(lateMs: number): void {
    for (const session of [...this.#arriving, ...this.#sessions.values()]) {
      session.lastFrameAt += lateMs;
      if (session.leaveBy !== null) session.leaveBy += lateMs;
    }
  }

  #sweep(now: number): void {
    this.#sweptAt = now;
    this.options.store.sweep(this.options.limits.writeBatchRows).then(
      // A full sweep means that there is more: the next tick goes on.
      (removed) => {
        if (removed === this.options.limits.writeBatchRows) this.#sweptAt = 0;
      },
      (error: unknown) =>
        this.options.log[isPassing(error) ? "debug" : "warn"](
          { error: describe(error) },
          "bodies not swept yet",
        ),
    );
  }
}

function reply(session: Session, message: ServerMessage): void {
  session.channel.send(serverMessages.encode(message));
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
