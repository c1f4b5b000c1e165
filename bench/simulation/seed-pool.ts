/** Worker processes that run seeds side by side. Each has a Node of its own, with the simulator's primitives. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FromWorker, ToWorker } from "./seed-messages.js";

const WORKER = fileURLToPath(new URL("./seed-worker.js", import.meta.url));

export class SeedPool {
  readonly #workers: ChildProcess[];

  /** @param size processes */
  constructor(size: number) {
    this.#workers = Array.from({ length: size }, () =>
      // A world is garbage all at once; with room for it, a tenth of the time is saved.
      fork(WORKER, {
        execArgv: ["--conditions=simulation", "--max-semi-space-size=64"],
        serialization: "advanced",
      }),
    );
  }

  /**
   * Has every job done by whichever process is free.
   *
   * @param next the next job; `null` when there are no more
   * @param onMessage told of all that the processes say; of a job the last is `ran` or `shrunk`
   */
  async run(next: () => ToWorker | null, onMessage: (message: FromWorker) => void): Promise<void> {
    await Promise.all(this.#workers.map((worker) => work(worker, next, onMessage)));
  }

  close(): void {
    for (const worker of this.#workers) worker.kill();
  }
}

function work(
  worker: ChildProcess,
  next: () => ToWorker | null,
  onMessage: (message: FromWorker) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const give = (): void => {
      const job = next();
      if (job === null) {
        worker.removeAllListeners();
        resolve();
      } else {
        worker.send(job);
      }
    };
    worker.on("message", (message: FromWorker) => {
      onMessage(message);
      if (message.type !== "shrinking") give();
    });
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`a worker process of the simulation ended with ${code}`)));
    give();
  });
}
