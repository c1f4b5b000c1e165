/**
 * How many messages a second a server's sessions send and get, from its reports: pure state. Averages over some seconds,
 * and what moves from one server to another is counted over at once: what is planned next must not wait for reports.
 */
import type { SessionNumber } from "../protocol/ids.js";
import type { SessionTraffic } from "../protocol/threads.js";

/** Reports count less by a factor of e after so many milliseconds. */
const MEMORY_MS = 10_000;
/** What is averaged over less than this, in milliseconds, is chance. */
const MATURE_MS = 15_000;
/** Sessions that are known one by one, at most. */
const MOST_KNOWN = 256;
/** A session with fewer messages a second than this is as good as any other. */
const LEAST_RATE = 0.05;

export class TrafficEstimate {
  /** Sums that fade; divided by {@link #weight} they are rates, in messages a second. */
  #sum = 0;
  readonly #sums = new Map<SessionNumber, number>();
  /** How much has been heard: grows towards 1. */
  #weight = 0;
  #overMs = 0;

  /** Whether enough was heard to go by. */
  get isMature(): boolean {
    return this.#overMs >= MATURE_MS;
  }

  /** Of all sessions, in messages a second. */
  get total(): number {
    return this.#rate(this.#sum);
  }

  /** Of one session; 0 where nothing is known of it. */
  rateOf(session: SessionNumber): number {
    return this.#rate(this.#sums.get(session) ?? 0);
  }

  /** Of the busiest ones by themselves. */
  *known(): Iterable<readonly [SessionNumber, number]> {
    for (const [session, sum] of this.#sums) yield [session, this.#rate(sum)];
  }

  /** @param overMs the time that the report covers */
  report(messages: number, overMs: number, busiest: readonly SessionTraffic[]): void {
    const ms = Math.max(1, overMs);
    const kept = Math.exp(-ms / MEMORY_MS);
    // A rate that goes on for ever comes to stand in the sum as it is.
    const share = ((1 - kept) * 1000) / ms;
    this.#overMs += ms;
    this.#weight = this.#weight * kept + (1 - kept);
    this.#sum = this.#sum * kept + messages * share;
    for (const [session, sum] of this.#sums) this.#sums.set(session, sum * kept);
    for (const { session, messages: own } of busiest) {
      this.#sums.set(session, (this.#sums.get(session) ?? 0) + own * share);
    }
    this.#forgetQuiet();
  }

  /** A session has gone. @returns its messages a second, as far as they are known */
  leave(session: SessionNumber): number {
    const sum = this.#sums.get(session);
    if (sum === undefined) return 0;
    this.#sums.delete(session);
    this.#sum = Math.max(0, this.#sum - sum);
    return this.#rate(sum);
  }

  /** A session has come, with so many messages a second. */
  enter(session: SessionNumber, rate: number): void {
    if (rate === 0) return;
    const sum = rate * Math.max(this.#weight, Number.EPSILON);
    this.#sums.set(session, sum);
    this.#sum += sum;
  }

  #rate(sum: number): number {
    return this.#weight === 0 ? 0 : sum / this.#weight;
  }

  #forgetQuiet(): void {
    for (const [session, sum] of this.#sums) if (this.#rate(sum) < LEAST_RATE) this.#sums.delete(session);
    const surplus = this.#sums.size - MOST_KNOWN;
    if (surplus <= 0) return;
    const quietest = [...this.#sums].sort(([, one], [, other]) => one - other).slice(0, surplus);
    for (const [session] of quietest) this.#sums.delete(session);
  }
}
