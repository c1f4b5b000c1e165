/**
 * A chat server: sessions of clients, the home of mailboxes, and the way between them over links. It is given clock,
 * chance, links and store, and so does not know which thread it is on, nor whether time is real.
 */
import type { Config } from "../../config.js";
import { FastChatError, errorRecord } from "../../protocol/errors.js";
import type { Incarnation, ServerId, SessionNumber } from "../../protocol/ids.js";
import type { LinkMessage } from "../../protocol/link.js";
import type { Clock, FrameChannel, FrameHandlers, Log, Random, Timer } from "../../protocol/runtime.js";
import type {
  ConnectedSession,
  FromBalancer,
  LoadReport,
  SessionTraffic,
  ToBalancer,
} from "../../protocol/threads.js";
import type { View } from "../../protocol/view.js";
import { isPassing } from "../../store/database.js";
import type { DeliveryStore } from "../../store/deliveries.js";
import type { GroupStore } from "../../store/groups.js";
import { Attachments } from "./attachments.js";
import { BodyIds } from "./body-ids.js";
import { BodySweeper } from "./body-sweeper.js";
import { takeBusiest } from "./busiest.js";
import { DeliveryWriter } from "./delivery-writer.js";
import { Dispatcher } from "./dispatcher.js";
import { FlowControl } from "./flow-control.js";
import { GroupNews } from "./group-news.js";
import { GroupRegistry } from "./group-registry.js";
import { GroupSends } from "./group-sends.js";
import type { HandlerContext } from "./handlers/context.js";
import { frameOnSession } from "./handlers/frames.js";
import { Home } from "./home.js";
import type { Link } from "./link.js";
import { LoadMeter, type LoadGauges } from "./load-meter.js";
import { Router } from "./router.js";
import { newSessionNumber, reply, type Session } from "./session.js";
import { SessionRegistry } from "./session-registry.js";
import { SessionTimeouts } from "./session-timeouts.js";
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

export class ChatServer {
  readonly #sessions: SessionRegistry;
  readonly #attachments: Attachments;
  readonly #flow: FlowControl;
  readonly #timeouts: SessionTimeouts;
  readonly #router: Router;
  readonly #home: Home;
  readonly #writer: DeliveryWriter;
  readonly #sweeper: BodySweeper;
  readonly #dispatcher: Dispatcher;
  readonly #groups: GroupRegistry;
  readonly #groupNews: GroupNews;
  readonly #groupSends: GroupSends;
  readonly #meter: LoadMeter;
  readonly #context: HandlerContext;
  #tick: Timer;
  /** When the next tick is due: one that comes far too late says that this server slept, and not its clients. */
  #tickDueAt: number;

  constructor(private readonly options: ChatServerOptions) {
    const { id, clock, random, log, store, groups, soon, limits, timeouts, link } = options;
    const bodyIds = new BodyIds(random);
    this.#meter = new LoadMeter(clock.now());
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
    this.#router = new Router(id, link, send);
    this.#home = new Home({
      self: options,
      store,
      writer: this.#writer,
      clock,
      bodyIds,
      log,
      soon,
      send,
      full: (to) => this.#router.isFull(to),
      limits,
      timeouts,
    });
    const newNumber = (): SessionNumber =>
      newSessionNumber(
        random,
        (number) => this.#sessions.find(number) !== undefined || this.#attachments.has(number),
      );
    this.#attachments = new Attachments({ meter: this.#meter, router: this.#router, newNumber });
    this.#sessions = new SessionRegistry({
      clock,
      log,
      meter: this.#meter,
      most: limits.connectionsPerServer,
      moveMs: timeouts.moveMs,
      newNumber,
      tellBalancer: options.tellBalancer,
      onGone: (session, state) => {
        this.#attachments.gone(session, state);
        this.#groupSends.forget(session.number);
        this.#dispatcher.forget(session.number, session.unaccepted > 0);
      },
    });
    this.#flow = new FlowControl(limits.framesPerSecond, this.#router);
    this.#timeouts = new SessionTimeouts(this.#sessions, this.#flow, timeouts);
    this.#dispatcher = new Dispatcher({
      send,
      accepted: (session, frame, cost, takenAt) => this.#accepted(session, frame, cost, takenAt),
      refusedTooOften: (number) => {
        const session = this.#sessions.find(number);
        const error = new FastChatError("tooMany", "Too many recipients have full queues; connect again.");
        if (session !== undefined) this.#sessions.end(session, error);
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
        this.#sessions.tellGroupChanged(group, epoch, accounts);
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
    this.#context = {
      id,
      limits,
      timeouts,
      dispatcher: this.#dispatcher,
      groups: this.#groups,
      groupSends: this.#groupSends,
      meter: this.#meter,
      verifyTicket: (ticket) => options.tickets.verify(ticket),
      reply,
      failed: (error) => log.error({ error: describe(error) }, "a request failed"),
      open: (session, state, nonce) => this.#sessions.admit(session, state, nonce),
      attach: (session) => this.#attachments.want(session),
      toHome: (account, message) => this.#router.toHome(account, message),
      hold: (session) => this.#flow.hold(session),
    };
    const now = clock.now();
    this.#sweeper = new BodySweeper(
      {
        store,
        everyMs: timeouts.sweepMs,
        maxRows: limits.writeBatchRows,
        onFailed: (error) =>
          log[isPassing(error) ? "debug" : "warn"]({ error: describe(error) }, "bodies not swept yet"),
      },
      now,
    );
    this.#tickDueAt = now + TICK_MS;
    this.#tick = clock.after(TICK_MS, () => this.#tickOnClock());
  }

  /** Takes a client's connection. */
  accept(channel: FrameChannel): FrameHandlers {
    const session = this.#sessions.arrive(channel);
    return {
      onFrame: (frame) => this.#frameOnChannel(session, frame),
      onDrain: () => this.#attachments.drained(session),
      onClose: () => this.#sessions.gone(session),
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
        return this.#attachments.deliver(message.session, message.frame);
      case "deliverMany": {
        const { to, header, envelope } = message;
        for (const { session, entry } of to) {
          this.#attachments.deliver(session, Buffer.concat([header, entry, envelope]));
        }
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
      case "live":
        return this.#attachments.live(message.session);
      case "groupChanged": {
        const { ref, group, epoch, accounts } = message;
        this.#groups.learn(group, epoch);
        this.options.link.send(from, { type: "groupNoted", ref });
        return this.#sessions.tellGroupChanged(group, epoch, accounts);
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
    this.#router.prepare(view);
    return this.#home.prepare(view);
  }

  activate(view: View): void {
    const path = this.#router.activate(view);
    if (path === null) return;
    this.#home.activate(view);
    this.#dispatcher.activate(view, path);
    this.#attachments.activate(path, this.#sessions.open());
  }

  balancerMessage(message: FromBalancer): void {
    switch (message.type) {
      case "revoked":
        return this.#sessions.revoke(message.devices, message.why);
      case "move":
        for (const move of message.moves) this.#sessions.move(move);
        return;
    }
  }

  /** The sessions that had the most messages since the last call, with how many, the busiest first. */
  busiest(): SessionTraffic[] {
    return takeBusiest(this.#sessions.open());
  }

  /** Every open session, for a balancer that does not know them yet. */
  connected(): ConnectedSession[] {
    return this.#sessions.connected();
  }

  report(runtime: Pick<LoadGauges, "loopDelayP99Ms" | "utilization">): LoadReport {
    let attached = 0;
    for (const { state } of this.#sessions.open()) {
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
    this.#tick.cancel();
    this.#sessions.endAll(new FastChatError("unavailable", "The server is stopping; connect again."));
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
    this.#flow.frameCame(session);
    try {
      frameOnSession(this.#context, session, frame)?.catch((error: unknown) => this.#failed(session, error));
    } catch (error) {
      this.#failed(session, error);
    }
  }

  #failed(session: Session, error: unknown): void {
    if (!(error instanceof FastChatError))
      this.options.log.error({ error: describe(error) }, "a frame failed");
    const { code, message } = errorRecord(error);
    this.#sessions.end(session, new FastChatError(code, message));
  }

  #accepted(number: SessionNumber, frame: Uint8Array, cost: number, takenAt: number): void {
    const session = this.#sessions.find(number);
    if (session === undefined) return;
    session.unaccepted--;
    session.unacceptedBytes -= cost;
    session.channel.send(frame);
    this.#meter.accepted(this.options.clock.now() - takenAt);
  }

  #tickOnClock(): void {
    const { clock } = this.options;
    const now = clock.now();
    const lateMs = now - this.#tickDueAt;
    if (lateMs > TICK_MS) this.#timeouts.allowFor(lateMs);
    this.#timeouts.tick(now);
    this.#home.tick(Math.max(0, lateMs));
    this.#home.readOn();
    this.#sweeper.tick(now);
    this.#tickDueAt = clock.now() + TICK_MS;
    this.#tick = clock.after(TICK_MS, () => this.#tickOnClock());
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
