/** A thread of a simulated process: it runs, hangs or is dead, and what happens to it happens accordingly. */
import type { Clock, Timer } from "../../src/protocol/runtime.js";
import type { Run } from "./queue.js";
import type { VirtualClock } from "./virtual-clock.js";

export class SimulatedThread {
  #state: "running" | "hung" | "dead" = "running";
  /** What came while its event loop hung. */
  #backlog: (() => void)[] = [];
  readonly #onDeath: (() => void)[] = [];

  constructor(
    readonly name: string,
    private readonly base: VirtualClock,
    /** How far its wall clock is ahead of true time, in milliseconds. */
    private readonly ahead: () => number = () => 0,
  ) {}

  get state(): "running" | "hung" | "dead" {
    return this.#state;
  }

  get alive(): boolean {
    return this.#state !== "dead";
  }

  readonly run: Run = (work) => {
    if (this.#state === "running") work();
    else if (this.#state === "hung") this.#backlog.push(work);
  };

  readonly clock: Clock = {
    now: () => this.base.now() + this.ahead(),
    after: (ms, callback): Timer => this.base.after(Math.ceil(ms), () => this.run(callback)),
  };

  /** Runs a callback at the end of this turn of its event loop. */
  readonly soon = (callback: () => void): void => {
    this.base.arrive(0, () => this.run(callback));
  };

  /** A promise that settles here as `work` does, unless the thread is dead by then: nobody would be left to hear it. */
  hear<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(
        (value) => this.run(() => resolve(value)),
        (error: Error) => this.run(() => reject(error)),
      );
    });
  }

  /** Its event loop does nothing until {@link resume}. */
  hang(): void {
    if (this.#state === "running") this.#state = "hung";
  }

  resume(): void {
    if (this.#state !== "hung") return;
    this.#state = "running";
    for (const work of this.#backlog.splice(0)) this.soon(work);
  }

  onDeath(callback: () => void): void {
    if (this.#state === "dead") callback();
    else this.#onDeath.push(callback);
  }

  kill(): void {
    if (this.#state === "dead") return;
    this.#state = "dead";
    this.#backlog = [];
    for (const callback of this.#onDeath.splice(0)) callback();
  }
}
