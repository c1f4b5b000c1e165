/** Loaded into the system's process before its own modules: knows its threads, each of which is watched from inside, too. */
import { syncBuiltinESMExports } from "node:module";
import type { LoadReport } from "../../src/protocol/threads.js";
import threads, { Worker, type WorkerOptions } from "node:worker_threads";

/** `ready`: its supervisor was told so. */
export type ThreadNews = { readonly type: "ready" | "exited"; readonly thread: string };
export interface ThreadReport {
  readonly type: "report";
  readonly thread: string;
  readonly report: LoadReport;
}

/**
 * @param preload loaded into each thread before its own modules
 * @param onReport told what chat servers report to their supervisor
 * @returns the threads that run, by name; it changes as they come and go
 */
export function watchThreads(
  preload: readonly string[],
  tell: (news: ThreadNews) => void,
  onReport: (report: ThreadReport) => void = () => undefined,
): ReadonlyMap<string, Worker> {
  const running = new Map<string, Worker>();

  class WatchedWorker extends Worker {
    constructor(entry: string | URL, options: WorkerOptions = {}) {
      super(entry, { ...options, execArgv: preload.flatMap((href) => ["--import", href]) });
      const thread = options.name ?? "";
      running.set(thread, this);
      this.on("message", (message: { readonly type?: unknown; readonly report?: LoadReport }) => {
        if (message.type === "ready") tell({ type: "ready", thread });
        else if (message.type === "report" && message.report !== undefined) {
          onReport({ type: "report", thread, report: message.report });
        }
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
