/** Counts what a chat server does between two reports. */
import type { ErrorCode } from "../../protocol/errors.js";
import { ACCEPT_BOUNDS_MS, type LoadReport } from "../../protocol/threads.js";

/** What the server knows at the moment of a report. */
export type LoadGauges = Pick<
  LoadReport,
  "connections" | "attached" | "mailboxes" | "unsettled" | "writeQueue" | "loopDelayP99Ms" | "utilization"
>;

const SLOWEST = ACCEPT_BOUNDS_MS.length;

export class LoadMeter {
  #messagesIn = 0;
  #messagesOut = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  /** Times between `send` and `accepted`: a comparison or two and an addition for each message. */
  #accepted = noneYet();
  #acceptedMs = 0;
  #ended: Partial<Record<ErrorCode, number>> = {};
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

  /** A message was accepted so many milliseconds after it had come. */
  accepted(ms: number): void {
    let bucket = 0;
    while (bucket < SLOWEST && ms > (ACCEPT_BOUNDS_MS[bucket] as number)) bucket++;
    this.#accepted[bucket] = (this.#accepted[bucket] as number) + 1;
    this.#acceptedMs += ms;
  }

  /** The server ended a connection. */
  ended(code: ErrorCode): void {
    this.#ended[code] = (this.#ended[code] ?? 0) + 1;
  }

  /** What was counted since the last call, with what is known now. */
  report(now: number, gauges: LoadGauges): LoadReport {
    const report = {
      ...gauges,
      messagesIn: this.#messagesIn,
      messagesOut: this.#messagesOut,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      accepted: { counts: this.#accepted, sumMs: this.#acceptedMs },
      ended: this.#ended,
      overMs: Math.max(1, now - this.#since),
    };
    this.#messagesIn = this.#messagesOut = this.#bytesIn = this.#bytesOut = 0;
    this.#accepted = noneYet();
    this.#acceptedMs = 0;
    this.#ended = {};
    this.#since = now;
    return report;
  }
}

function noneYet(): number[] {
  return new Array<number>(SLOWEST + 1).fill(0);
}
