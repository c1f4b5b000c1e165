/**
 * When the balancer evens out the load by itself. To begin takes a greater difference than to go on, so that nobody is
 * moved for the ordinary coming and going.
 */
import type { EveningGoal, PlanServer } from "./rebalance.js";
import { significantTraffic } from "./rebalance.js";
import { SLACK } from "./strategies/bounded-consistent-hash.js";

export interface EveningPolicy extends EveningGoal {
  /** Share of the average, beside one connection, by which a server must differ before anybody is moved. */
  readonly beginsAt: number;
}

/** What an operator asks for where the strategy wants no evenness. */
const ASKED: EveningGoal = { slack: 0, traffic: false };

/**
 * By strategy. `round-robin`, `random` and a strategy of one's own place as they do for reasons of their own, which nobody
 * corrects unasked. The order of `bounded-consistent-hash` is worth more to it than evenness within its bound.
 */
const POLICIES: Readonly<Record<string, EveningPolicy>> = {
  "least-busy": { beginsAt: 0.02, slack: 0, traffic: true },
  "least-connections": { beginsAt: 0.02, slack: 0, traffic: false },
  "power-of-two-choices": { beginsAt: 0.02, slack: 0, traffic: false },
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

/** Whether servers differ by so much that sessions are to move. */
export function isUneven(servers: readonly Weighed[], { beginsAt, traffic }: EveningPolicy): boolean {
  const serving = servers.filter(({ duty }) => duty === "serving");
  // Who may take nobody, as one that lags, is not waited for.
  const open = serving.filter(({ room }) => room > 0);
  if (serving.length < 2 || open.length === 0) return false;
  return differ(serving, open, beginsAt) || (traffic && differInTraffic(serving, open));
}

function differ(serving: readonly Weighed[], open: readonly Weighed[], share: number): boolean {
  const average = mean(serving.map(({ connections }) => connections));
  const tolerated = 1 + share * average;
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
