/** Which servers a strategy may choose from. Strategies need not know what makes a server unfit. */
import type { ServerLoad } from "./strategy.js";

/** A server with what the balancer knows of its health. */
export interface ServerHealth extends ServerLoad {
  /** Connections that it takes. */
  readonly capacity: number;
  /** Milliseconds since it reported last, or since it came if it has not yet. */
  readonly silentMs: number;
  /** Placements that never connected and sessions that ended at once, counted down by half every few seconds. */
  readonly failures: number;
  /** Sessions that lasted, counted down likewise. */
  readonly successes: number;
}

/** A loop may be late by so much before it is compared with others. */
const LAG_FLOOR_MS = 200;
/** How many times the others' delay is well behind. */
const LAG_FACTOR = 4;
/** Fewer failures may be chance. */
const FEWEST_FAILURES = 5;

/**
 * Servers that may be chosen: those with room, without those that are silent, lag well behind the others or fail
 * fast. The last would otherwise be the most attractive of all: whoever drops its sessions has few. Where none is
 * left, all with room may be chosen: a bad server is better than none, and the judgement may be at fault.
 *
 * @param silenceMs a server that reported nothing for so long counts as hung, in milliseconds
 */
export function eligible<S extends ServerHealth>(servers: readonly S[], silenceMs: number): S[] {
  const fit = sound(servers, silenceMs);
  return fit.length > 0 ? fit : servers.filter(hasRoom);
}

/** As {@link eligible}, but none where none is fit: nobody is sent to a bad server who has a place. */
export function sound<S extends ServerHealth>(servers: readonly S[], silenceMs: number): S[] {
  return servers.filter((server) => {
    const others = servers.filter((other) => other !== server);
    return (
      hasRoom(server) && server.silentMs <= silenceMs && !lagging(server, others) && !failing(server, others)
    );
  });
}

function hasRoom({ connections, placed, capacity }: ServerHealth): boolean {
  return connections + placed < capacity;
}

/** Alone a server is never late: there is nobody to be behind. */
function lagging(server: ServerHealth, others: readonly ServerHealth[]): boolean {
  if (others.length === 0) return false;
  const delays = others.map((other) => other.loopDelayMs).sort((a, b) => a - b);
  const median = delays[(delays.length - 1) >> 1] ?? 0;
  return server.loopDelayMs > LAG_FLOOR_MS && server.loopDelayMs > LAG_FACTOR * median;
}

/** Short visits are normal where they are as common on every server; a server that stands out is at fault. */
function failing(server: ServerHealth, others: readonly ServerHealth[]): boolean {
  if (server.failures < FEWEST_FAILURES) return false;
  const least = Math.min(...others.map(failureShare));
  return failureShare(server) > 0.5 && failureShare(server) > 2 * least;
}

function failureShare({ failures, successes }: ServerHealth): number {
  const outcomes = failures + successes;
  return outcomes === 0 ? 0 : failures / outcomes;
}
