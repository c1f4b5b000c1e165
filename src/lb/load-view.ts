/**
 * What the balancer knows of the chat servers' load: pure state, told of events and of the time. Its own count of
 * placements makes it fresh with every placement; reports correct what it counted.
 */
import type { ConnectedSession, LoadReport, ServerEntry, SessionTraffic } from "../protocol/threads.js";
import type { AccountId, DeviceId, ServerId, SessionNumber } from "../protocol/ids.js";
import type { ServerHealth } from "./eligibility.js";
import { TrafficEstimate } from "./traffic-estimate.js";
import { WarmUp } from "./warm-up.js";

export interface LoadViewOptions {
  /** A placement that is not seen to connect for so long never will: the lifetime of its ticket, in milliseconds. */
  readonly placementMs: number;
  /** Connections that one server takes. */
  readonly capacity: number;
  /** How long a server counts as a newcomer, in milliseconds. */
  readonly warmUpMs: number;
}

/** A session that ends sooner than this, in milliseconds, counts as failed. */
const SHORT_SESSION_MS = 5000;
/** Failures and successes count half after so many milliseconds. */
const HALF_LIFE_MS = 10_000;
/** Weight of the newest report in the averages: about three reports' worth of memory. */
const NEWEST_WEIGHT = 0.3;

export interface KnownSession {
  readonly account: AccountId;
  readonly device: DeviceId;
  /** When it connected, in milliseconds; `null` if that was before the balancer started. */
  readonly since: number | null;
  /** Whether it came from another server because it was told to. */
  readonly moved: boolean;
  /** Of the ticket with which it is to go on elsewhere; `null` while it may stay. */
  readonly leavingWith: string | null;
}

interface KnownPlacement {
  readonly server: ServerEntry;
  readonly expiresAt: number;
  /** The session that it is for; `null` where somebody comes who has none. */
  readonly from: Origin | null;
}

/** A session that was told to move. */
interface Origin {
  readonly server: ServerEntry;
  readonly session: SessionNumber;
  /** Messages a second that it took along when it left; `null` until then. */
  readonly tookAlong: number | null;
}

interface KnownServer {
  readonly entry: ServerEntry;
  readonly sessions: Map<SessionNumber, KnownSession>;
  /** Whether it has said who is connected there. */
  named: boolean;
  readonly traffic: TrafficEstimate;
  leaving: number;
  /** What the last report had more than we counted. */
  uncounted: number;
  placed: number;
  reportedAt: number;
  averages: { messagesPerSecond: number; bytesPerSecond: number; loopDelayMs: number } | null;
  queued: number;
  failures: number;
  successes: number;
  decayedAt: number;
}

/** A server as it may be chosen, with where to find it. */
export interface PlaceableServer extends ServerHealth {
  readonly entry: ServerEntry;
  /** 1 for a server that takes its full share of those who come; a newcomer's grows from below. */
  readonly warmth: number;
}

export class LoadView {
  readonly #servers = new Map<ServerId, KnownServer>();
  /** By ticket nonce, oldest first: all placements live equally long. */
  readonly #placements = new Map<string, KnownPlacement>();
  readonly #warmUp: WarmUp;

  constructor(private readonly options: LoadViewOptions) {
    this.#warmUp = new WarmUp(options.warmUpMs);
  }

  /** A server came, or the same start of it came again. */
  add(entry: ServerEntry, now: number): void {
    if (this.#current(entry) !== undefined) return;
    this.#forgetPlacements(entry.id);
    // Among others that nobody is connected to either it is no newcomer: all of them have just started.
    const others = [...this.#servers.values()].some(({ sessions }) => sessions.size > 0);
    if (others) this.#warmUp.begin(entry.id, now);
    else this.#warmUp.end(entry.id);
    this.#servers.set(entry.id, {
      entry,
      sessions: new Map(),
      named: false,
      traffic: new TrafficEstimate(),
      leaving: 0,
      uncounted: 0,
      placed: 0,
      reportedAt: now,
      averages: null,
      queued: 0,
      failures: 0,
      successes: 0,
      decayedAt: now,
    });
  }

  remove(entry: Pick<ServerEntry, "id" | "incarnation">): void {
    if (this.#current(entry) === undefined) return;
    this.#servers.delete(entry.id);
    this.#forgetPlacements(entry.id);
    this.#warmUp.end(entry.id);
  }

  /** A server that was empty on purpose takes people again: no more than a few at once. */
  warmUp(id: ServerId, now: number): void {
    if (this.#servers.has(id)) this.#warmUp.begin(id, now);
  }

  /** A ticket with that nonce, in hexadecimal, was given out. */
  placed(entry: ServerEntry, nonce: string, now: number): void {
    const server = this.#current(entry);
    if (server === undefined) return;
    this.#place(server, nonce, now, null);
  }

  /**
   * A session was given a ticket with that nonce, to go on at another server.
   *
   * @returns whether both are still there
   */
  moving(from: ServerEntry, number: SessionNumber, to: ServerEntry, nonce: string, now: number): boolean {
    const [source, target] = [this.#current(from), this.#current(to)];
    const session = source?.sessions.get(number);
    if (source === undefined || target === undefined || session === undefined) return false;
    if (session.leavingWith !== null) return false;
    source.sessions.set(number, { ...session, leavingWith: nonce });
    source.leaving++;
    this.#place(target, nonce, now, { server: source.entry, session: number, tookAlong: null });
    return true;
  }

  #place(server: KnownServer, nonce: string, now: number, from: Origin | null): void {
    server.placed++;
    this.#placements.set(nonce, { server: server.entry, expiresAt: now + this.options.placementMs, from });
  }

  connected(entry: ServerEntry, session: ConnectedSession, nonce: string, now: number): void {
    const server = this.#current(entry);
    if (server === undefined) return;
    const placement = this.#placements.get(nonce);
    const isPlaced = placement !== undefined && placement.server === server.entry;
    if (isPlaced) {
      this.#placements.delete(nonce);
      if (!hasLeft(placement)) server.placed--;
    }
    const from = isPlaced ? placement.from : null;
    server.sessions.set(session.session, {
      account: session.account,
      device: session.device,
      since: now,
      moved: from !== null,
      leavingWith: null,
    });
    if (from === null) return;
    // Its messages come with it, whichever of the two servers was heard first.
    const rate = from.tookAlong ?? this.#current(from.server)?.traffic.leave(from.session) ?? 0;
    server.traffic.enter(session.session, rate);
  }

  disconnected(entry: ServerEntry, number: SessionNumber, now: number): void {
    const server = this.#current(entry);
    const session = server?.sessions.get(number);
    if (server === undefined || session === undefined) return;
    server.sessions.delete(number);
    const rate = server.traffic.leave(number);
    if (session.leavingWith !== null) {
      this.#left(server, session.leavingWith, rate);
      return;
    }
    decay(server, now);
    if (session.since !== null && now - session.since < SHORT_SESSION_MS) server.failures++;
    else server.successes++;
  }

  /** All present sessions of a server, in place of those known. */
  sessions(entry: ServerEntry, sessions: readonly ConnectedSession[]): void {
    const server = this.#current(entry);
    if (server === undefined) return;
    const before = new Map(server.sessions);
    server.sessions.clear();
    for (const { session, account, device } of sessions) {
      const known = before.get(session);
      before.delete(session);
      server.sessions.set(
        session,
        known ?? { account, device, since: null, moved: false, leavingWith: null },
      );
    }
    for (const [number, { leavingWith }] of before) {
      const rate = server.traffic.leave(number);
      if (leavingWith !== null) this.#left(server, leavingWith, rate);
    }
    server.uncounted = 0;
    server.named = true;
    // Who is connected somewhere has been there before the balancer was.
    if (sessions.length > 0) this.#warmUp.end(entry.id);
  }

  /** @param busiest its busiest sessions since the last report */
  report(entry: ServerEntry, report: LoadReport, now: number, busiest: readonly SessionTraffic[] = []): void {
    const server = this.#current(entry);
    if (server === undefined) return;
    server.traffic.report(report.messagesIn + report.messagesOut, report.overMs, busiest);
    server.reportedAt = now;
    server.uncounted = report.connections - server.sessions.size;
    server.queued = report.unsettled + report.writeQueue;
    const seconds = Math.max(report.overMs, 1) / 1000;
    const newest = {
      messagesPerSecond: (report.messagesIn + report.messagesOut) / seconds,
      bytesPerSecond: (report.bytesIn + report.bytesOut) / seconds,
      loopDelayMs: report.loopDelayP99Ms,
    };
    const before = server.averages ?? newest;
    server.averages = {
      messagesPerSecond: average(before.messagesPerSecond, newest.messagesPerSecond),
      bytesPerSecond: average(before.bytesPerSecond, newest.bytesPerSecond),
      loopDelayMs: average(before.loopDelayMs, newest.loopDelayMs),
    };
  }

  /** All servers, ordered by id. */
  servers(now: number): PlaceableServer[] {
    this.#expire(now);
    return [...this.#servers.values()]
      .sort((a, b) => (a.entry.id < b.entry.id ? -1 : 1))
      .map((server) => {
        decay(server, now);
        return {
          id: server.entry.id,
          entry: server.entry,
          connections: Math.max(0, server.sessions.size + server.uncounted),
          placed: server.placed,
          leaving: server.leaving,
          warmth: this.#warmUp.warmth(server.entry.id, now),
          messagesPerSecond: server.averages?.messagesPerSecond ?? 0,
          bytesPerSecond: server.averages?.bytesPerSecond ?? 0,
          loopDelayMs: server.averages?.loopDelayMs ?? 0,
          queued: server.queued,
          capacity: this.options.capacity,
          silentMs: now - server.reportedAt,
          failures: server.failures,
          successes: server.successes,
        };
      });
  }

  /** Whether that start of a server has said who is connected there. */
  isNamed(id: ServerId): boolean {
    return this.#servers.get(id)?.named ?? false;
  }

  /** Who is connected to a server, by session; in the order in which they came. */
  sessionsOf(id: ServerId): ReadonlyMap<SessionNumber, KnownSession> {
    return this.#servers.get(id)?.sessions ?? NOBODY;
  }

  /** What the sessions of a server are taken to send and get; to be read, not kept. */
  trafficOf(id: ServerId): Pick<TrafficEstimate, "total" | "rateOf" | "known" | "isMature"> | null {
    return this.#servers.get(id)?.traffic ?? null;
  }

  /**
   * By how much the messages a second of servers change once all is done that is under way, as far as they are known
   * of the sessions that were told to move.
   */
  messagesUnderWay(): ReadonlyMap<ServerId, number> {
    const changes = new Map<ServerId, number>();
    for (const { server, from } of this.#placements.values()) {
      if (from === null) continue;
      const rate = this.#current(from.server)?.traffic.rateOf(from.session) ?? 0;
      changes.set(from.server.id, (changes.get(from.server.id) ?? 0) - rate);
      changes.set(server.id, (changes.get(server.id) ?? 0) + rate);
    }
    return changes;
  }

  /** Sessions that are on their way from one server to another. */
  get leaving(): number {
    let sum = 0;
    for (const { leaving } of this.#servers.values()) sum += leaving;
    return sum;
  }

  /**
   * A session that was to move has gone: by its ticket, or to somewhere else. Of its new session is heard from another
   * server, maybe later; no place is kept meanwhile, but it is known again as long as the ticket is good.
   */
  #left(server: KnownServer, nonce: string, rate: number): void {
    server.leaving--;
    const placement = this.#placements.get(nonce);
    if (placement === undefined || placement.from === null) return;
    this.#placements.set(nonce, { ...placement, from: { ...placement.from, tookAlong: rate } });
    const target = this.#current(placement.server);
    if (target !== undefined) target.placed--;
  }

  #current({ id, incarnation }: Pick<ServerEntry, "id" | "incarnation">): KnownServer | undefined {
    const server = this.#servers.get(id);
    return server?.entry.incarnation === incarnation ? server : undefined;
  }

  #expire(now: number): void {
    for (const [nonce, placement] of this.#placements) {
      const { server: entry, expiresAt, from } = placement;
      if (expiresAt > now) return;
      this.#placements.delete(nonce);
      if (hasLeft(placement)) continue;
      if (from !== null) this.#stayed(from);
      const server = this.#current(entry);
      if (server === undefined) continue;
      server.placed--;
      // Whoever has a session and does not leave it says nothing of the server that waits for it.
      if (from !== null) continue;
      decay(server, now);
      server.failures++;
    }
  }

  #stayed({ server: entry, session: number }: Origin): void {
    const server = this.#current(entry);
    const session = server?.sessions.get(number);
    if (server === undefined || session === undefined || session.leavingWith === null) return;
    server.leaving--;
    server.sessions.set(number, { ...session, leavingWith: null });
  }

  #forgetPlacements(id: ServerId): void {
    for (const [nonce, { server, from }] of this.#placements) {
      if (server.id !== id) continue;
      this.#placements.delete(nonce);
      if (from !== null) this.#stayed(from);
    }
  }
}

const NOBODY: ReadonlyMap<SessionNumber, KnownSession> = new Map();

/** Whether the session that it is for has left: no place is kept for it any more. */
function hasLeft({ from }: KnownPlacement): boolean {
  return from !== null && from.tookAlong !== null;
}

function decay(server: KnownServer, now: number): void {
  const passed = Math.max(0, now - server.decayedAt);
  const factor = 0.5 ** (passed / HALF_LIFE_MS);
  server.failures *= factor;
  server.successes *= factor;
  server.decayedAt = now;
}

function average(before: number, newest: number): number {
  return before + NEWEST_WEIGHT * (newest - before);
}
