/** What a bench and the watcher inside the system (inside.ts) say to each other, by the process's IPC. */
import type { LoadReport } from "../../src/protocol/threads.js";
import type { ThreadNews } from "./watched-threads.js";

/** Names modules, apart by spaces, that each thread of the system loads before its own. */
export const PRELOAD_VARIABLE = "FASTCHAT_BENCH_PRELOAD";

export type ToInside =
  /** Ends a thread at once, wherever it is. */
  | { readonly type: "end"; readonly thread: string }
  /** Has a thread take that many times as long for everything, as a slower machine would; 1 to end that. */
  | { readonly type: "slow"; readonly thread: string; readonly factor: number }
  /** Has all threads collect their garbage, so that memory tells what is in use. */
  | { readonly type: "collect" };

/** How one thread is, at one moment or since the last time. */
export interface ThreadGauges {
  /** The longest that its event loop kept somebody waiting since the last time, in milliseconds. */
  readonly loopDelayMaxMs: number;
  readonly heapBytes: number;
  /** Memory outside of the heap that objects of this thread hold: buffers, mostly. */
  readonly externalBytes: number;
  /** CPU time that the thread itself has used since it began, in microseconds; 0 where the system does not tell. */
  readonly cpuMicros: number;
  /** Bytes that it has sent to other chat servers since it began. */
  readonly linkBytes: number;
}

export type FromInside =
  | ThreadNews
  /** Every thread that could has collected its garbage. */
  | { readonly type: "collected" }
  /** What a chat server tells its supervisor every second. */
  | { readonly type: "report"; readonly thread: string; readonly report: LoadReport }
  | ({ readonly type: "thread"; readonly thread: string } & ThreadGauges)
  /** Of the whole process. `cpuMicros`: since its start, user and system, in microseconds. */
  | { readonly type: "process"; readonly rssBytes: number; readonly cpuMicros: number };
