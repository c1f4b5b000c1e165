/**
 * What the balancer knows of the chat servers' load: pure state, told of events and of the time. Its own count of
 * placements makes it fresh with every placement; reports correct what it counted.
 */
import type { ConnectedSession, LoadReport, ServerEntry } from "../protocol/threads.js";
import type { AccountId, DeviceId, ServerId, SessionNumber } from "../protocol/ids.js";
import type { ServerHealth } from "./eligibility.js";

export interface LoadViewOptions {
  /** A placement that is not seen to connect for so long never will: the lifetime of its ticket, in milliseconds. */
  readonly placementMs: number;
  /** Connections that one server takes. */
  readonly capacity: number;
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
  /** When it connected, in milliseconds since 1970; `null` if that was before the balancer started. */
  readonly since: number | null;
}

interface KnownServer {
  readonly entry: ServerEntry;
  readonly sessions: Map<SessionNumber, KnownSession>;
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
}

export class LoadView {
  readonly #servers = new Map<ServerId, KnownServer>();
  /** By ticket nonce, oldest first: all placements live equally long. */
  readonly #placements = new Map<string, { readonly server: ServerEntry; readonly expiresAt: number }>();

  constructor(private readonly options: LoadViewOptions) {}

  /** A server came, or the same start of it came again. */
  add(entry: ServerEntry, now: number): void {
    if (this.#current(entry) !== undefined) return;
    this.#forgetPlacements(entry.id);
    this.#servers.set(entry.id, {
      entry,
      sessions: new Map(),
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
  }

  /** A ticket with that nonce, in hexadecimal, was given out. */
  placed(entry: ServerEntry, nonce: string, now: number): void {
    const server = this.#current(entry);
    if (server === undefined) return;
    server.placed++;
    this.#placements.set(nonce, { server: server.entry, expiresAt: now + this.options.placementMs });
  }

  connected(entry: ServerEntry, session: ConnectedSession, nonce: string, now: number): void {
    const server = this.#current(entry);
    if (server === undefined) return;
    const placement = this.#placements.get(nonce);
    if (placement !== undefined && placement.server === server.entry) {
      this.#placements.delete(nonce);
      server.placed--;
    }
    server.sessions.set(session.session, { account: session.account, device: session.device, since: now });
  }

  disconnected(entry: ServerEntry, number: SessionNumber, now: number): void {
    const server = this.#current(entry);
    const session = server?.sessions.get(number);
    if (server === undefined || session === undefined) return;
    server.sessions.delete(number);
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
      server.sessions.set(session, { account, device, since: before.get(session)?.since ?? null });
    }
    server.uncounted = 0;
  }

  report(entry: ServerEntry, report: LoadReport, now: number): void {
    const server = this.#current(entry);
    if (server === undefined) return;
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

  #current({ id, incarnation }: Pick<ServerEntry, "id" | "incarnation">): KnownServer | undefined {
    const server = this.#servers.get(id);
    return server?.entry.incarnation === incarnation ? server : undefined;
  }

  #expire(now: number): void {
    for (const [nonce, { server: entry, expiresAt }] of this.#placements) {
      if (expiresAt > now) return;
      this.#placements.delete(nonce);
      const server = this.#current(entry);
      if (server === undefined) continue;
      decay(server, now);
      server.placed--;
      server.failures++;
    }
  }

  #forgetPlacements(id: ServerId): void {
    for (const [nonce, { server }] of this.#placements) if (server.id === id) this.#placements.delete(nonce);
  }
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
