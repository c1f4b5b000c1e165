/** Percentiles of many times, by histograms: those of several runs are merged, never averaged. */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Records times of nanoseconds and tells them in milliseconds. */
export class Times {
  readonly #histogram: RecordableHistogram = createHistogram();

  get count(): number {
    return this.#histogram.count;
  }

  /** @param since what `process.hrtime.bigint()` was then */
  recordSince(since: bigint): void {
    this.recordNanoseconds(process.hrtime.bigint() - since);
  }

  recordMs(ms: number): void {
    this.recordNanoseconds(BigInt(Math.round(ms * 1e6)));
  }

  recordNanoseconds(nanoseconds: bigint): void {
    this.#histogram.record(nanoseconds > 0n ? nanoseconds : 1n);
  }

  add(other: Times): void {
    this.#histogram.add(other.#histogram);
  }

  /** @returns milliseconds; zeros where nothing was recorded */
  percentiles(): Percentiles {
    if (this.#histogram.count === 0) return { p50: 0, p99: 0, max: 0 };
    const ms = (percentile: number): number => this.#histogram.percentile(percentile) / 1e6;
    return { p50: ms(50), p99: ms(99), max: this.#histogram.max / 1e6 };
  }
}
