/** What a placement strategy is: a pure function. Chance and the turn come in with the request. */
import type { AccountId, ServerId } from "../protocol/ids.js";

/** A server that may be chosen, as the balancer sees it at this moment. */
export interface ServerLoad {
  readonly id: ServerId;
  /** Sessions seen to be connected. */
  readonly connections: number;
  /** Placements made here whose client was not yet seen to connect. */
  readonly placed: number;
  /** Of the sessions, those that were told to go on elsewhere and are still here. */
  readonly leaving: number;
  /** Messages in and out, averaged over the last reports. */
  readonly messagesPerSecond: number;
  /** Bytes in and out, averaged likewise. */
  readonly bytesPerSecond: number;
  /** 99th percentile of the event loop's delay, in milliseconds, averaged likewise. */
  readonly loopDelayMs: number;
  /** Messages not settled yet and writes that wait for the database, at the last report. */
  readonly queued: number;
}

export interface PlacementRequest {
  readonly account: AccountId;
  /** Two numbers drawn at random from [0, 1). */
  readonly draws: readonly [number, number];
  /** Counts the placements up, from 0. */
  readonly turn: number;
}

/**
 * Chooses a server.
 *
 * @param servers at least one, ordered by id
 * @returns the id of one of them
 */
export type Strategy = (servers: readonly ServerLoad[], request: PlacementRequest) => ServerId;

/** Connections that a server has or is about to have, once all is done that is under way. */
export function expectedConnections(server: ServerLoad): number {
  return server.connections + server.placed - server.leaving;
}

/** The server at a drawn place. @param draw from [0, 1) */
export function drawn(servers: readonly ServerLoad[], draw: number): ServerLoad {
  const server = servers[Math.min(servers.length - 1, Math.floor(draw * servers.length))];
  if (server === undefined) throw new RangeError("a strategy was given no server");
  return server;
}

/**
 * The server with the lowest score. Among equals chance decides: an idle service would otherwise send every short
 * visit to the same server.
 *
 * @param draw from [0, 1)
 */
export function lowest(
  servers: readonly ServerLoad[],
  score: (server: ServerLoad) => number,
  draw: number,
): ServerLoad {
  let equals: ServerLoad[] = [];
  let least = Infinity;
  for (const server of servers) {
    const value = score(server);
    if (value < least) {
      least = value;
      equals = [server];
    } else if (value === least) {
      equals.push(server);
    }
  }
  return drawn(equals, draw);
}
