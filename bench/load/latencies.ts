/** Latencies of many threads in one HDR histogram: merged, never averaged. */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

export interface LatencyFigures {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** A point of the whole distribution. */
export interface Quantile {
  /** 0 to 1. */
  readonly share: number;
  /** Milliseconds. */
  readonly ms: number;
}

/** Times are told in milliseconds, and kept in microseconds to three digits. */
export class Latencies {
  readonly #histogram: RecordableHistogram;

  /** @param histogram as another thread's {@link Latencies.histogram} arrived by message */
  constructor(histogram: RecordableHistogram = createHistogram({ figures: 3 })) {
    this.#histogram = histogram;
  }

  /** To be sent to another thread. */
  get histogram(): RecordableHistogram {
    return this.#histogram;
  }

  record(ms: number): void {
    this.#histogram.record(Math.max(1, Math.round(ms * 1000)));
  }

  add(other: Latencies): void {
    this.#histogram.add(other.#histogram);
  }

  /** Zeros where nothing was recorded. */
  figures(): LatencyFigures {
    const { count, max } = this.#histogram;
    if (count === 0) return { count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
    const at = (percentile: number): number => this.#histogram.percentile(percentile) / 1000;
    return { count, p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: max / 1000 };
  }

  /** The distribution at so many nines, for a curve. */
  quantiles(): Quantile[] {
    if (this.#histogram.count === 0) return [];
    const nines = Math.log10(this.#histogram.count);
    const points: Quantile[] = [];
    for (let nine = 0; nine <= nines + 0.001; nine += 0.05) {
      const share = 1 - 10 ** -nine;
      const percentile = Math.max(0.001, Math.min(100, share * 100));
      points.push({ share, ms: this.#histogram.percentile(percentile) / 1000 });
    }
    return points;
  }
}
