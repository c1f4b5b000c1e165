/**
 * When the balancer evens out the load by itself. To begin takes a greater difference than to go on, so that nobody is
 * moved for the ordinary coming and going.
 */
import type { EveningGoal, PlanServer } from "./rebalance.js";
import { significantTraffic } from "./rebalance.js";
import { SLACK } from "./strategies/bounded-consistent-hash.js";

export interface EveningPolicy extends EveningGoal {
  readonly slack: number;
  /** Share of the average, beside one connection, by which a server must differ before anybody is moved. */
  readonly beginsAt: number;
}

/** Share of the average by which ordinary coming and going has servers differ. */
const ORDINARY = 0.02;

/** What an operator asks for where the strategy wants no evenness. */
const ASKED = { slack: 0, traffic: false };

/**
 * By strategy. `round-robin`, `random` and a strategy of one's own place as they do for reasons of their own, which nobody
 * corrects unasked. The order of `bounded-consistent-hash` is worth more to it than evenness within its bound.
 */
const POLICIES: Readonly<Record<string, EveningPolicy>> = {
  "least-busy": { beginsAt: ORDINARY, slack: 0, traffic: true },
  "least-connections": { beginsAt: ORDINARY, slack: 0, traffic: false },
  "power-of-two-choices": { beginsAt: ORDINARY, slack: 0, traffic: false },
  "bounded-consistent-hash": { beginsAt: SLACK, slack: SLACK, traffic: false },
};

/** What is evened out unasked; `null` for nothing. */
export function policyOf(strategy: string): EveningPolicy | null {
  return Object.hasOwn(POLICIES, strategy) ? (POLICIES[strategy] ?? null) : null;
}

/** What is evened out where an operator asks for it. */
export function goalAsked(strategy: string): EveningGoal {
  return { ...ASKED, traffic: policyOf(strategy)?.traffic ?? false };
}

/** Of a server, as far as it decides whether to begin. */
export type Weighed = Pick<PlanServer, "duty" | "room" | "connections" | "messagesPerSecond">;

/** What is to be evened out, as servers differ by so much; `null` for nothing. */
export function unevenness(servers: readonly Weighed[], policy: EveningPolicy): EveningGoal | null {
  const { beginsAt, slack, traffic } = policy;
  const serving = servers.filter(({ duty }) => duty === "serving");
  // Who may take nobody, as one that lags, is not waited for.
  const open = serving.filter(({ room }) => room > 0);
  if (serving.length < 2 || open.length === 0) return null;
  if (differ(serving, open, beginsAt)) return { slack, traffic };
  // One session that sends more than all others differs for ever: connections must not be evened out for its sake.
  return traffic && differInTraffic(serving, open) ? { slack: null, traffic } : null;
}

/** How many connections a server may have more or less than the average before anybody is moved. */
export function toleratedDifference(average: number, share = ORDINARY): number {
  return 1 + share * average;
}

function differ(serving: readonly Weighed[], open: readonly Weighed[], share: number): boolean {
  const average = mean(serving.map(({ connections }) => connections));
  const tolerated = toleratedDifference(average, share);
  const most = Math.max(...serving.map(({ connections }) => connections));
  const least = Math.min(...open.map(({ connections }) => connections));
  return most - least > 1 && (most - average > tolerated || average - least > tolerated);
}

function differInTraffic(serving: readonly Weighed[], open: readonly Weighed[]): boolean {
  const rates = serving.map(({ messagesPerSecond }) => messagesPerSecond);
  const least = Math.min(...open.map(({ messagesPerSecond }) => messagesPerSecond));
  return Math.max(...rates) - least > 2 * significantTraffic(mean(rates));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
