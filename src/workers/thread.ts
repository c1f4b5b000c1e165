/** The life of a worker thread: build, say ready, answer the supervisor's heartbeat, stop when told. */
import { parentPort, workerData } from "node:worker_threads";
import { errorRecord } from "../protocol/errors.js";
import type { FromThread, Listening, ToThread } from "../protocol/threads.js";

/** What a thread's entry builds. */
export interface ThreadBody {
  readonly listening?: Listening;
  /** Every message of the supervisor but `ping` and `stop`. */
  onMessage(message: ToThread): void;
  /** Finishes what was begun and releases ports and timers, so that the thread ends by itself. */
  stop(): Promise<void>;
}

/** What an entry may say to the supervisor, besides `ready`, `pong`, `failed` and `stopped`, which are said for it. */
export type Say = (
  message: Extract<
    FromThread,
    { type: "prepared" | "report" | "trouble" | "order" | "emptied" | "evened" | "failed" }
  >,
) => void;

/**
 * Runs a thread.
 *
 * @param build makes the thread's body of its `workerData`; what it throws is told to the supervisor as `failed`
 */
export async function runThread<Data>(build: (data: Data, say: Say) => Promise<ThreadBody>): Promise<void> {
  const port = parentPort;
  if (port === null)
    throw new Error("this file is the entry of a worker thread; start src/system.ts instead");
  const say = (message: FromThread): void => port.postMessage(message);
  const early: ToThread[] = [];
  let body: ThreadBody | null = null;
  let stopping = false;

  const stop = async (running: ThreadBody): Promise<void> => {
    if (stopping) return;
    stopping = true;
    try {
      await running.stop();
    } finally {
      say({ type: "stopped" });
      port.close();
    }
  };
  port.on("message", (message: ToThread) => {
    if (message.type === "ping") say({ type: "pong", ref: message.ref });
    else if (body === null) early.push(message);
    else if (message.type === "stop") void stop(body);
    else body.onMessage(message);
  });

  try {
    body = await build(workerData as Data, say);
  } catch (error) {
    // The cause stays here: what crosses is code and text.
    say({ type: "failed", error: errorRecord(error) });
    if (errorRecord(error).code === "internal") console.error(error);
    port.close();
    return;
  }
  say({ type: "ready", ...(body.listening === undefined ? {} : { listening: body.listening }) });
  for (const message of early) {
    if (message.type === "stop") void stop(body);
    else body.onMessage(message);
  }
}
