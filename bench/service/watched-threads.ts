/** Loaded into the system's process before its own modules: knows its threads, each of which is watched from inside, too. */
import { syncBuiltinESMExports } from "node:module";
import threads, { Worker, type WorkerOptions } from "node:worker_threads";

/** `ready`: its supervisor was told so. */
export type ThreadNews = { readonly type: "ready" | "exited"; readonly thread: string };

/**
 * @param preload loaded into each thread before its own modules
 * @returns the threads that run, by name; it changes as they come and go
 */
export function watchThreads(preload: string, tell: (news: ThreadNews) => void): ReadonlyMap<string, Worker> {
  const running = new Map<string, Worker>();

  class WatchedWorker extends Worker {
    constructor(entry: string | URL, options: WorkerOptions = {}) {
      super(entry, { ...options, execArgv: ["--import", preload] });
      const thread = options.name ?? "";
      running.set(thread, this);
      this.on("message", (message: { readonly type?: unknown }) => {
        if (message.type === "ready") tell({ type: "ready", thread });
      });
      this.on("exit", () => {
        if (running.get(thread) === this) running.delete(thread);
        tell({ type: "exited", thread });
      });
    }
  }
  Object.assign(threads, { Worker: WatchedWorker });
  syncBuiltinESMExports();
  return running;
}

/** Takes a bench's orders over the process's IPC. A bench that was killed leaves nothing behind. */
export function takeOrders<Order>(obey: (order: Order) => void): void {
  process.on("message", obey);
  process.on("disconnect", () => process.exit(1));
  process.channel?.unref();
}

/** Tells the bench. It may be gone, and with it everybody who wants to know. */
export function tellBench(message: object): void {
  if (process.connected) process.send?.(message);
}
