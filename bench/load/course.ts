/**
 * How a run went over time: how even the load was at each moment, how late messages came in each second, and how both fared after
 * each thing that was done to the system. Pure functions of what was recorded.
 */
import type { HistoryEvent } from "../history/events.js";
import { actText, type Act } from "./acts.js";
import type { FleetSample } from "./fleet-watch.js";
import { spreadOf } from "../../src/lb/spread.js";
import type { LoadPlan } from "./plan.js";

/** How even connections and traffic were at one moment, among the servers that people are to be on. */
export interface EvennessSample {
  /** Milliseconds from the beginning of the warm-up. */
  readonly at: number;
  /** Servers that are to have people, also those that are down just then. */
  readonly servers: number;
  readonly connections: { readonly maxMinusMean: number; readonly jain: number };
  readonly messages: { readonly jain: number };
}

/** Messages that should have been sent in one second: how long until their recipients had them. */
export interface LatencySecond {
  /** The second's beginning, in milliseconds from the beginning of the warm-up. */
  readonly at: number;
  readonly received: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Something that was done to the system, and what came of it until the next, or until the end. */
export interface DoneAct {
  readonly at: number;
  readonly what: string;
  /** Why it was refused; `null` where it was taken up. */
  readonly refused: string | null;
  /**
   * Milliseconds from then until connections were even again, and stayed so: Jain's index of at least {@link EVEN}; `null` where
   * they never were.
   */
  readonly evenAfterMs: number | null;
  /** The lowest index in that time. */
  readonly lowestJain: number;
  /** The latest that a message came which should have been sent in that time, in milliseconds. */
  readonly latestMs: number;
}

/** Jain's index from which on connections count as even. */
export const EVEN = 0.999;

export function evennessOf(samples: readonly FleetSample[]): EvennessSample[] {
  return samples.map(({ at, servers }) => {
    // A server that is to be empty is not uneven for it.
    const wanted = servers.filter(({ state }) => state !== "draining" && state !== "retiring");
    const { maxMinusMean, jain } = spreadOf(wanted.map(({ connections }) => connections));
    return {
      at,
      servers: wanted.length,
      connections: { maxMinusMean, jain },
      messages: { jain: spreadOf(wanted.map(({ messagesPerSecond }) => messagesPerSecond)).jain },
    };
  });
}

/** @param events times in milliseconds from the beginning of the warm-up */
export function latencyBySecond(plan: LoadPlan, events: readonly HistoryEvent[]): LatencySecond[] {
  const seconds = new Map<number, number[]>();
  for (const { planned, ms } of deliveries(plan, events)) {
    const second = Math.floor(planned / 1000);
    const list = seconds.get(second);
    if (list === undefined) seconds.set(second, [ms]);
    else list.push(ms);
  }
  return [...seconds]
    .sort(([one], [other]) => one - other)
    .map(([second, list]) => {
      list.sort((one, other) => one - other);
      const rank = (share: number): number => list[Math.ceil(share * list.length) - 1] ?? 0;
      return {
        at: second * 1000,
        received: list.length,
        p50: rank(0.5),
        p99: rank(0.99),
        max: rank(1),
      };
    });
}

/**
 * @param acts in order, with when they were done and why they were refused
 * @param end of the time that is looked at
 */
export function actsOf(
  acts: readonly { readonly act: Act; readonly at: number; readonly refused: string | null }[],
  end: number,
  plan: LoadPlan,
  events: readonly HistoryEvent[],
  evenness: readonly EvennessSample[],
): DoneAct[] {
  const all = [...deliveries(plan, events)];
  return acts.map(({ act, at, refused }, index) => {
    const until = acts[index + 1]?.at ?? end;
    const within = evenness.filter((sample) => sample.at >= at && sample.at < until);
    const lastUneven = within.findLastIndex(({ connections }) => connections.jain < EVEN);
    const even = within[lastUneven + 1];
    return {
      at,
      what: actText(act),
      refused,
      evenAfterMs: even === undefined ? null : Math.round(even.at - at),
      lowestJain: Math.min(1, ...within.map(({ connections }) => connections.jain)),
      latestMs: all.reduce(
        (latest, { planned, ms }) => (planned >= at && planned < until ? Math.max(latest, ms) : latest),
        0,
      ),
    };
  });
}

function* deliveries(
  { sends, people }: LoadPlan,
  events: readonly HistoryEvent[],
): Generator<{ readonly planned: number; readonly ms: number }> {
  const away = new Set(people.filter(({ offline }) => offline).map(({ name }) => name));
  for (const event of events) {
    // How long somebody was away by the plan is no latency; names may stand behind a prefix.
    if (event.type !== "received" || away.has(event.account.slice(-PLANNED_NAME))) continue;
    const send = sends[Number(event.message.slice(1))];
    if (send !== undefined) yield { planned: send.at, ms: event.at - send.at };
  }
}

/** Letters of a planned person's name. */
const PLANNED_NAME = 6;
