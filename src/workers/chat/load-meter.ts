/** Counts what a chat server does between two reports. */
import type { LoadReport } from "../../protocol/threads.js";

/** What the server knows at the moment of a report. */
export type LoadGauges = Pick<
  LoadReport,
  "connections" | "attached" | "mailboxes" | "unsettled" | "writeQueue" | "loopDelayP99Ms" | "utilization"
>;

export class LoadMeter {
  #messagesIn = 0;
  #messagesOut = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #since: number;

  /** @param now milliseconds */
  constructor(now: number) {
    this.#since = now;
  }

  messageIn(bytes: number): void {
    this.#messagesIn++;
    this.#bytesIn += bytes;
  }

  messageOut(bytes: number): void {
    this.#messagesOut++;
    this.#bytesOut += bytes;
  }

  /** What was counted since the last call, with what is known now. */
  report(now: number, gauges: LoadGauges): LoadReport {
    const report = {
      ...gauges,
      messagesIn: this.#messagesIn,
      messagesOut: this.#messagesOut,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      overMs: Math.max(1, now - this.#since),
    };
    this.#messagesIn = this.#messagesOut = this.#bytesIn = this.#bytesOut = 0;
    this.#since = now;
    return report;
  }
}
