/** The parts of a run, one after the other: each is timed and told, and those before the warm-up may be ended. */
import { setTimeout as sleep } from "node:timers/promises";
import { elapsed } from "../faults/host-messages.js";

/** Where a run stands, for a bar on a terminal or a line. */
export interface Phase {
  readonly name: string;
  readonly done: number;
  readonly of: number;
  /** What else is worth a look. */
  readonly note?: string;
}

/** It was told to end when there was nothing measured yet. */
export class EndedEarly extends Error {
  override readonly name = "EndedEarly";
}

/** How often it is looked how far a part is, in milliseconds. */
export const LOOK_MS = 250;
/** How long nothing may happen before what is missing counts as missing, in milliseconds. */
export const STILL_MS = 20_000;

export class Phases {
  readonly #took: Record<string, number> = {};

  /** @param stop ends the run */
  constructor(
    readonly tell: (phase: Phase) => void,
    private readonly stop: AbortSignal,
  ) {}

  /** How long each part took, in milliseconds. */
  get took(): Readonly<Record<string, number>> {
    return this.#took;
  }

  async timed<T>(part: string, work: () => Promise<T>): Promise<T> {
    const began = elapsed();
    try {
      return await work();
    } finally {
      this.#took[part] = Math.round(elapsed() - began);
    }
  }

  /** Tells how far `work` is until it is done. */
  async follow(name: string, work: Promise<void>, done: () => number, of: number): Promise<void> {
    const telling = setInterval(() => this.tell({ name, done: done(), of }), LOOK_MS);
    try {
      await work;
      this.tell({ name, done: of, of });
    } finally {
      clearInterval(telling);
    }
  }

  /** Until it is over, or nothing moves any more. @param count another number whenever something has moved */
  async whileMoving(
    name: string,
    count: () => number,
    isOver: () => boolean,
    progress: () => { readonly done: number; readonly of: number },
  ): Promise<void> {
    let before = count();
    let since = elapsed();
    while (!isOver() && elapsed() - since < STILL_MS) {
      this.tell({ name, ...progress() });
      await sleep(LOOK_MS);
      if (count() !== before) {
        before = count();
        since = elapsed();
      }
    }
  }

  /** Before the warm-up there is nothing to tell of. @throws EndedEarly once the run is to end */
  async untilStopped(work: Promise<void>): Promise<void> {
    this.goOn();
    let end = (): void => undefined;
    const stopped = new Promise<never>((_, reject) => {
      end = () => reject(new EndedEarly());
      this.stop.addEventListener("abort", end);
    });
    await Promise.race([work, stopped]).finally(() => this.stop.removeEventListener("abort", end));
  }

  /** @throws EndedEarly where the run is to end */
  goOn(): void {
    if (this.stop.aborted) throw new EndedEarly();
  }
}
