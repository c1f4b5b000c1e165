/**
 * Has sessions move from one chat server to another: away from servers that are to be empty, and until the load is even
 * again after a server has come. What moves where is planned by rebalance.ts; here it is paced, and told.
 */
import { toHex } from "../protocol/bytes.js";
import type { Incarnation, ServerId, SessionNumber } from "../protocol/ids.js";
import type { Clock, Log, Random, Timer } from "../protocol/runtime.js";
import type { Duty, SessionMove } from "../protocol/threads.js";
import { sound } from "./eligibility.js";
import { goalAsked, policyOf, unevenness } from "./evening.js";
import type { KnownSession, LoadView, PlaceableServer } from "./load-view.js";
import type { Fleet } from "./operator/fleet.js";
import { NONCE_BYTES, silenceMs } from "./placement.js";
import { movesLeft, planMoves, type EveningGoal, type PlannedMove, type PlanServer } from "./rebalance.js";
import type { ServerPorts } from "./server-ports.js";
import { expectedConnections } from "./strategy.js";
import type { GrantSigner } from "./tickets.js";

export interface MoverOptions {
  readonly view: LoadView;
  readonly servers: Pick<ServerPorts, "move">;
  readonly fleet: Pick<Fleet, "threads" | "dutyOf" | "rebalancing" | "onChange" | "emptied" | "evened">;
  readonly grants: Pick<GrantSigner, "ticket">;
  /** Dates tickets. */
  readonly clock: Clock;
  /** Judges how long ago things were. */
  readonly steadyClock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told to clients as the host of servers. */
  readonly publicHost: string;
  /** Name of the placement strategy. */
  readonly strategy: string;
  /** Told of sessions that were asked to leave a server. */
  readonly onMoved?: (from: ServerId, sessions: number) => void;
  readonly limits: { readonly movesPerSecond: number };
  readonly timeouts: {
    readonly ticketMs: number;
    readonly movePauseMs: number;
    readonly reportMs: number;
  };
}

/** How an evening that an operator asked for has come along. */
export interface EveningProgress {
  readonly underWay: boolean;
  /** Sessions on their way at this moment. */
  readonly moving: number;
  /** Sessions that were told to move since it began. */
  readonly moved: number;
  /** Sessions that have to move yet for connections to be even. */
  readonly left: number;
}

/** An evening that is under way. */
interface Evening {
  /** Whether an operator asked for it. */
  readonly asked: boolean;
  readonly goal: EveningGoal;
}

/** How often it is looked whether anything is to move, in milliseconds. */
const TICK_MS = 200;
/** Sessions that may be on their way at once, in seconds' worth of moves: clients that do not go hold up others no longer. */
const MOST_UNDER_WAY_S = 2;
/** As many as belong together: two sessions that change places. */
const LEAST_PLANNED = 2;
/** A session is left in peace for so long after it began, in milliseconds: many are over by then. */
const SETTLED_MS = 2_000;

export class Mover {
  readonly #options: MoverOptions;
  #timer: Timer | null = null;
  #lastAt: number;
  /** Moves that may be told by now. */
  #allowance = 0;
  #evening: Evening | null = null;
  /** Sessions told to move since that began. */
  #told = 0;
  readonly #duties = new Map<ServerId, Duty>();
  /** Servers that were said to be empty. */
  readonly #emptied = new Set<Incarnation>();

  constructor(options: MoverOptions) {
    this.#options = options;
    this.#lastAt = options.steadyClock.now();
    options.fleet.onChange(() => {
      this.#noteDuties();
      this.#noteOrder();
    });
    this.#wait();
  }

  progress(): EveningProgress {
    const { view, steadyClock } = this.#options;
    const servers = view.servers(steadyClock.now());
    const counts = servers.map((server) => ({
      duty: this.#options.fleet.dutyOf(server.id),
      connections: expectedConnections(server),
    }));
    return {
      underWay: this.#evening?.asked === true,
      moving: view.leaving,
      moved: this.#told,
      left: movesLeft(counts),
    };
  }

  /** Tells nobody anything any more. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #wait(): void {
    this.#timer = this.#options.steadyClock.after(TICK_MS, () => {
      this.#tick();
      if (this.#timer !== null) this.#wait();
    });
  }

  #tick(): void {
    const { view, steadyClock, limits, fleet } = this.#options;
    const now = steadyClock.now();
    const earned = (Math.max(0, now - this.#lastAt) / 1000) * limits.movesPerSecond;
    const most = Math.max(1, 2 * (TICK_MS / 1000) * limits.movesPerSecond);
    this.#allowance = Math.min(most, this.#allowance + earned);
    this.#lastAt = now;
    if (!this.#knowsAll()) return;
    const loads = view.servers(now);
    this.#sayEmptied(loads);
    const servers = this.#planServers(loads, now);
    const isRipe = this.#isRipe(servers);
    const wanted = this.#goal(servers, isRipe);
    const goal = wanted === null ? null : { ...wanted, traffic: wanted.traffic && isRipe };
    if (goal === null && servers.every(({ duty }) => duty === "serving")) return;
    const mayBe = MOST_UNDER_WAY_S * limits.movesPerSecond - view.leaving;
    const moves = planMoves(servers, goal, Math.floor(Math.min(this.#allowance, mayBe)));
    if (wanted !== null && moves.some(({ from }) => fleet.dutyOf(from) === "serving")) this.#goOn(wanted);
    this.#allowance -= moves.length;
    this.move(moves);
    if (this.#evening === null || view.leaving > 0) return;
    // Where messages count, it is not over before they are known.
    const isKnown = isRipe || !this.#evening.goal.traffic;
    if (isKnown && planMoves(servers, goal, LEAST_PLANNED).length === 0) this.#end();
  }

  /** Before a balancer that has just started knows who is where it would move people for nothing. */
  #knowsAll(): boolean {
    const { fleet, view } = this.#options;
    const serving = fleet.threads.filter(
      ({ kind, life, duty }) => kind === "chat" && life === "running" && duty === "serving",
    );
    return serving.length > 0 && serving.every(({ id }) => view.isNamed(id as ServerId));
  }

  /** What is to be evened out at this moment: what is being evened out, and what has become too uneven. */
  #goal(servers: readonly PlanServer[], isRipe: boolean): EveningGoal | null {
    const begun = this.#evening?.goal ?? null;
    const policy = policyOf(this.#options.strategy);
    if (this.#evening?.asked === true || policy === null) return begun;
    const uneven = unevenness(servers, { ...policy, traffic: policy.traffic && isRipe });
    // Where connections are evened out messages are as well; the other way round connections are left as they are.
    return uneven === null || uneven.slack === null ? (begun ?? uneven) : policy;
  }

  /** Whether the messages of all servers are known well enough to go by. */
  #isRipe(servers: readonly PlanServer[]): boolean {
    return servers.every(
      ({ id, duty }) => duty !== "serving" || this.#options.view.trafficOf(id)?.isMature === true,
    );
  }

  #begin(evening: Evening): void {
    if (this.#evening === null) this.#told = 0;
    this.#evening = evening;
    this.#options.log.info({ asked: evening.asked }, "sessions move until the load is even");
  }

  /** Begins, or goes on with what has become too uneven meanwhile. */
  #goOn(goal: EveningGoal): void {
    if (this.#evening === null) this.#begin({ asked: false, goal });
    else this.#evening = { ...this.#evening, goal };
  }

  #end(): void {
    if (this.#evening?.asked === true) this.#options.fleet.evened();
    this.#evening = null;
    const { moved, left } = this.progress();
    this.#options.log.info(
      { moved, left },
      left === 0 ? "the load is even" : "no more sessions move for now",
    );
  }

  #planServers(loads: readonly PlaceableServer[], now: number): PlanServer[] {
    const { view, timeouts } = this.#options;
    const fit = new Set(sound(loads, silenceMs(timeouts.reportMs)));
    const underWay = view.messagesUnderWay();
    return loads.map((load) => {
      const server = this.#planServer(load, fit.has(load), now);
      return { ...server, messagesPerSecond: server.messagesPerSecond + (underWay.get(load.id) ?? 0) };
    });
  }

  #planServer(load: PlaceableServer, isFit: boolean, now: number): PlanServer {
    const { fleet, view } = this.#options;
    const { id, connections, placed, capacity } = load;
    const duty = fleet.dutyOf(id);
    const traffic = view.trafficOf(id);
    const known = new Map(traffic?.known());
    const sessions = view.sessionsOf(id);
    const mayGo = (session: KnownSession): boolean => this.#mayGo(session, duty, now);
    const total = traffic?.total ?? 0;
    const others = sessions.size - known.size;
    const busy = [...known].flatMap(([session, messagesPerSecond]) => {
      const about = sessions.get(session);
      return about !== undefined && mayGo(about) ? [{ session, messagesPerSecond }] : [];
    });
    const busyRate = [...known.values()].reduce((sum, rate) => sum + rate, 0);
    return {
      id,
      duty,
      room: isFit && duty === "serving" ? capacity - connections - placed : 0,
      connections: expectedConnections(load),
      messagesPerSecond: total,
      busy,
      // From the first each time: a tick may plan more than once.
      quiet: { [Symbol.iterator]: () => quietOnes(sessions, known, mayGo) },
      quietRate: others > 0 ? Math.max(0, total - busyRate) / others : 0,
    };
  }

  #mayGo({ since, moved, leavingWith }: KnownSession, duty: Duty, now: number): boolean {
    if (leavingWith !== null) return false;
    if (since === null || duty !== "serving") return true;
    const { movePauseMs } = this.#options.timeouts;
    return now - since >= (moved ? movePauseMs : this.#evening?.asked === true ? 0 : SETTLED_MS);
  }

  /** Tells sessions to move, now. One that is gone, or is told already, is left out, and so is who would go nowhere. */
  move(moves: readonly PlannedMove[]): void {
    const { view, servers, random, log, steadyClock } = this.#options;
    const now = steadyClock.now();
    const byId = new Map(view.servers(now).map((load) => [load.id, load.entry]));
    const bySource = new Map<ServerId, SessionMove[]>();
    for (const { session, from, to } of moves) {
      const [source, target] = [byId.get(from), byId.get(to)];
      const about = view.sessionsOf(from).get(session);
      if (source === undefined || target === undefined || about === undefined) continue;
      const nonce = random.bytes(NONCE_BYTES);
      if (!view.moving(source, session, target, toHex(nonce), now)) continue;
      const { publicHost, grants, clock, timeouts } = this.#options;
      const { id, incarnation, listening } = target;
      const expiresAt = clock.now() + timeouts.ticketMs;
      const { account, device } = about;
      const ticket = grants.ticket({ account, device, server: id, incarnation, expiresAt, nonce });
      const told = bySource.get(from) ?? [];
      told.push({ session, server: id, host: publicHost, port: listening.port, ticket });
      bySource.set(from, told);
    }
    for (const [from, told] of bySource) {
      servers.move(from, told);
      this.#told += told.length;
      this.#options.onMoved?.(from, told.length);
      log.debug({ server: from, sessions: told.length }, "sessions were told to move");
    }
  }

  /** A server that is to go may end once nobody is there, and nobody is on the way there. */
  #sayEmptied(loads: readonly PlaceableServer[]): void {
    const { fleet, view } = this.#options;
    for (const { id, entry, connections, placed } of loads) {
      const isEmpty = connections === 0 && placed === 0 && view.isNamed(id);
      if (!isEmpty || fleet.dutyOf(id) !== "retiring") this.#emptied.delete(entry.incarnation);
      else if (!this.#emptied.has(entry.incarnation)) {
        this.#emptied.add(entry.incarnation);
        fleet.emptied(id, entry.incarnation);
      }
    }
  }

  /** An operator wants the load evened out, whatever the strategy; or wanted it of the balancer before this one. */
  #noteOrder(): void {
    const { fleet, strategy } = this.#options;
    if (!fleet.rebalancing || this.#evening?.asked === true) return;
    this.#begin({ asked: true, goal: goalAsked(strategy) });
  }

  /** Who takes people again is empty, and slow at first like somebody who has just come. */
  #noteDuties(): void {
    const { fleet, view, steadyClock } = this.#options;
    const present = new Set<ServerId>();
    for (const { id, kind, duty } of fleet.threads) {
      if (kind !== "chat") continue;
      const server = id as ServerId;
      present.add(server);
      const before = this.#duties.get(server);
      if (duty === "serving" && before !== undefined && before !== "serving") {
        view.warmUp(server, steadyClock.now());
      }
      this.#duties.set(server, duty);
    }
    for (const id of this.#duties.keys()) if (!present.has(id)) this.#duties.delete(id);
  }
}

function* quietOnes(
  sessions: ReadonlyMap<SessionNumber, KnownSession>,
  busy: ReadonlyMap<SessionNumber, number>,
  mayGo: (session: KnownSession) => boolean,
): Generator<SessionNumber, void> {
  for (const [number, session] of sessions) if (!busy.has(number) && mayGo(session)) yield number;
}
