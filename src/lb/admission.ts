/**
 * The pace at which devices are let in (PROTOCOL.md, "Coming back"): when a server dies, all its devices ask for a place
 * within a second, and each place is a database's answer now and two TLS handshakes soon. Who comes faster than the pace
 * waits here a little, in turn; who would wait too long is told when to come back, everybody at another moment.
 */
import { FastChatError } from "../protocol/errors.js";
import type { Clock, Timer } from "../protocol/runtime.js";

export interface AdmissionOptions {
  readonly clock: Clock;
  /** Devices let in each second. */
  readonly perSecond: number;
}

/** Share of a second whose devices may come all at once: a few who meet need not wait for each other. */
const BURST_MS = 100;
/** The longest wait here, in milliseconds: a connection is kept open for it. It bounds how many wait. */
export const LONGEST_WAIT_MS = 2_000;
/** The longest wait that somebody is told, in milliseconds. */
const LONGEST_TOLD_MS = 60_000;

export class Admission {
  readonly #everyMs: number;
  /** When the next one is let in, if nobody waits longer. */
  #nextAt = -Infinity;
  /** When the next one who is told to come back shall come. */
  #toldAt = -Infinity;
  readonly #waiting = new Map<Timer, () => void>();

  constructor(private readonly options: AdmissionOptions) {
    this.#everyMs = 1000 / options.perSecond;
  }

  /**
   * Resolves when it is one's turn.
   *
   * @throws FastChatError `tooMany`, with the time to wait, where that is too far away
   */
  async enter(): Promise<void> {
    const now = this.options.clock.now();
    // It is never further away, unless somebody set the clock back.
    const next = Math.min(this.#nextAt, now + LONGEST_WAIT_MS + this.#everyMs);
    const turn = Math.max(next, now - BURST_MS);
    const waitMs = turn - now;
    if (waitMs > LONGEST_WAIT_MS) {
      this.#nextAt = next;
      throw this.#later(now);
    }
    this.#nextAt = turn + this.#everyMs;
    if (waitMs > 0) await this.#pause(waitMs);
  }

  /** Lets in whoever waits: the service ends. */
  close(): void {
    for (const [timer, go] of [...this.#waiting]) {
      timer.cancel();
      go();
    }
  }

  #later(now: number): FastChatError {
    // Behind those who wait here, and one behind the other.
    const earliest = now + LONGEST_WAIT_MS;
    this.#toldAt = Math.min(Math.max(this.#toldAt + this.#everyMs, earliest), now + LONGEST_TOLD_MS);
    return new FastChatError(
      "tooMany",
      "Many devices are coming back at this moment; yours will be let in soon.",
      Math.ceil(this.#toldAt - now),
    );
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        this.#waiting.delete(timer);
        resolve();
      };
      const timer = this.options.clock.after(ms, go);
      this.#waiting.set(timer, go);
    });
  }
}
