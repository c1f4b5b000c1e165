/** Servers and requests for the tests of placement. */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { parseAccountId, parseDeviceId, parseIncarnation, parseServerId } from "../../src/protocol/ids.js";
import type { AccountId, DeviceId, Incarnation, ServerId } from "../../src/protocol/ids.js";
import type { LoadReport, ServerEntry } from "../../src/protocol/threads.js";
import type { ServerHealth } from "../../src/lb/eligibility.js";
import { spreadOf } from "../../src/lb/spread.js";
import {
  expectedConnections,
  type PlacementRequest,
  type ServerLoad,
  type Strategy,
} from "../../src/lb/strategy.js";

export function known<T>(id: T | null): T {
  if (id === null) throw new Error("the test names an id that is none");
  return id;
}

export const serverId = (text: string): ServerId => known(parseServerId(text));
export const accountId = (byte = 1): AccountId => known(parseAccountId(byte.toString(16).padStart(32, "0")));
export const deviceId = (byte = 1): DeviceId => known(parseDeviceId(byte.toString(16).padStart(32, "0")));
export const incarnation = (byte = 1): Incarnation =>
  known(parseIncarnation(byte.toString(16).padStart(32, "0")));
export const randomAccount = (): AccountId => known(parseAccountId(randomBytes(16).toString("hex")));

export function entry(number: number, start = number): ServerEntry {
  return {
    id: serverId(`chat-${number}`),
    incarnation: incarnation(start),
    listening: { host: "127.0.0.1", port: 7440 + number },
  };
}

export function load(id: string, over: Partial<ServerLoad> = {}): ServerLoad {
  return {
    id: serverId(id),
    connections: 0,
    placed: 0,
    leaving: 0,
    messagesPerSecond: 0,
    bytesPerSecond: 0,
    loopDelayMs: 10,
    queued: 0,
    ...over,
  };
}

export function health(id: string, over: Partial<ServerHealth> = {}): ServerHealth {
  return { ...load(id), capacity: 1000, silentMs: 0, failures: 0, successes: 0, ...over };
}

export function report(over: Partial<LoadReport> = {}): LoadReport {
  return {
    connections: 0,
    attached: 0,
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    mailboxes: 0,
    unsettled: 0,
    writeQueue: 0,
    loopDelayP99Ms: 10,
    utilization: 0.1,
    accepted: { counts: [], sumMs: 0 },
    ended: {},
    overMs: 1000,
    ...over,
  };
}

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

export const requests: fc.Arbitrary<PlacementRequest> = fc.record({
  account: fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((bytes) => known(parseAccountId(Buffer.from(bytes).toString("hex")))),
  draws: fc.tuple(unit, unit),
  turn: fc.nat(),
});

/** One to eight servers, in any state that reports can give. */
export const someServers: fc.Arbitrary<ServerLoad[]> = fc
  .array(
    fc.record({
      connections: fc.nat(10_000),
      placed: fc.nat(1000),
      messagesPerSecond: fc.double({ min: 0, max: 1e6, noNaN: true }),
      bytesPerSecond: fc.double({ min: 0, max: 1e9, noNaN: true }),
      loopDelayMs: fc.double({ min: 0, max: 10_000, noNaN: true }),
      queued: fc.nat(),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((loads) => loads.map((over, index) => load(`chat-${index + 1}`, over)));

/** Places one request after another; every placement counts at once. */
export function placeAll(
  strategy: Strategy,
  servers: readonly ServerLoad[],
  requested: readonly PlacementRequest[],
): ServerLoad[] {
  let now = [...servers];
  for (const request of requested) {
    const chosen = strategy(now, request);
    now = now.map((server) => (server.id === chosen ? { ...server, placed: server.placed + 1 } : server));
  }
  return now;
}

/** How much fuller the fullest server is than the average. */
export function maxMinusMean(servers: readonly ServerLoad[]): number {
  return spreadOf(servers.map(expectedConnections)).maxMinusMean;
}
