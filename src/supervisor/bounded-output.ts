/**
 * Lines to a stream whose reader may stop reading: what nobody takes is kept up to a bound, and counted beyond it. A
 * service must not grow, nor wait, for a pager that somebody left open.
 */
import type { Writable } from "node:stream";

/** What may be queued, in bytes. */
const MOST_UNREAD_BYTES = 4 * 1024 * 1024;

export class BoundedOutput {
  #leftOut = 0;

  /** @param told makes the line that tells how many are missing */
  constructor(
    private readonly stream: Pick<Writable, "write" | "writableLength">,
    private readonly told: (leftOut: number) => string,
    private readonly mostBytes = MOST_UNREAD_BYTES,
  ) {}

  write(text: string): void {
    const { writableLength } = this.stream;
    // Not again before half of it was read: else every other line would be one about a missing line.
    const most = this.#leftOut > 0 ? this.mostBytes / 2 : this.mostBytes;
    if (writableLength > 0 && writableLength + text.length > most) {
      this.#leftOut++;
      return;
    }
    if (this.#leftOut > 0) {
      this.stream.write(this.told(this.#leftOut));
      this.#leftOut = 0;
    }
    this.stream.write(text);
  }
}
