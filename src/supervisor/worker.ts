/** A worker thread with nothing of its parent's: no environment, no flags, and its output passed on line by line. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { Worker as NodeWorker } from "node:worker_threads";
import type { FromThread } from "../protocol/threads.js";
import type { Worker, WorkerHandlers } from "./shell.js";

/**
 * @param name for debuggers and error messages
 * @param data the thread's `workerData`
 * @param onLine takes each line that the thread writes
 */
export function startWorker(
  entry: URL,
  name: string,
  data: object,
  handlers: WorkerHandlers,
  onLine: (line: string) => void,
): Worker {
  const worker = new NodeWorker(entry, {
    name,
    workerData: data,
    env: {},
    // What is preloaded into the parent (a test runner's hooks, say) is none of a thread's business, and slow.
    execArgv: [],
    stdout: true,
    stderr: true,
  });
  let reason: string | null = null;
  const written = Promise.all([eachLine(worker.stdout, onLine), eachLine(worker.stderr, onLine)]);
  worker.on("message", (message: FromThread) => handlers.onMessage(message));
  worker.on("error", (error: unknown) => {
    reason = error instanceof Error ? error.message : String(error);
    onLine(error instanceof Error ? (error.stack ?? error.message) : String(error));
  });
  // What it wrote last comes a little after its end, and may say why it ended.
  worker.on("exit", () => void written.then(() => handlers.onExit(reason)));
  return {
    post: (message, ports) => worker.postMessage(message, [...ports]),
    terminate: () => void worker.terminate(),
  };
}

/** @returns a promise of the stream's end */
function eachLine(stream: Readable, onLine: (line: string) => void): Promise<void> {
  return new Promise((resolve) => {
    createInterface({ input: stream, crlfDelay: Infinity }).on("line", onLine).on("close", resolve);
  });
}
