/** What a storm of returning devices did: how fast they were let in, and whether anything broke a second time. */
import type { ErrorCode } from "../../src/protocol/errors.js";
import type { WatchedSystem } from "../service/watched-system.js";
import type { Spell } from "./crowd.js";

export interface Storm {
  /** Devices that lost their session. */
  readonly hit: number;
  /** Milliseconds until the last one was back. */
  readonly allBackMs: number;
  /** The most that were let in within one second. */
  readonly mostInASecond: number;
  /** Devices that lost another session before all were back, or that were ended for good: a second collapse. */
  readonly again: number;
  /** How often a device was not let in at once, by the code that told why. */
  readonly failures: Readonly<Partial<Record<ErrorCode, number>>>;
  /** The longest that each thread's event loop kept somebody waiting, in milliseconds. */
  readonly loopDelayMaxMs: Readonly<Record<string, number>>;
}

/** @param since when it began: a server died, or everything was there again */
export function stormOf(system: WatchedSystem, spell: Spell, since: number): Storm {
  const again = [...spell.downs.values()].reduce((sum, downs) => sum + downs - 1, 0);
  return {
    hit: spell.downs.size,
    allBackMs: Math.max(0, ...spell.backAt.values()) - since,
    mostInASecond: mostWithin(spell.openedAt, 1000),
    again: again + spell.ended,
    failures: Object.fromEntries(spell.failures),
    loopDelayMaxMs: Object.fromEntries(
      [...system.peaks].map(([thread, { loopDelayMaxMs }]) => [thread, Math.round(loopDelayMaxMs)]),
    ),
  };
}

/** @returns the most of these times that lie within a span of `spanMs`, which may begin at any of them */
export function mostWithin(times: readonly number[], spanMs: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  let first = 0;
  let most = 0;
  for (const [index, time] of sorted.entries()) {
    while (time - (sorted[first] as number) >= spanMs) first++;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
