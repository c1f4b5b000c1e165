/** What a bench and the watcher inside the system (inside.ts) say to each other, by the process's IPC. */
import type { ThreadNews } from "./watched-threads.js";

/** Ends a thread at once, wherever it is. */
export interface ToInside {
  readonly type: "end";
  readonly thread: string;
}

/** How one thread is, at one moment or since the last time. */
export interface ThreadGauges {
  /** The longest that its event loop kept somebody waiting since the last time, in milliseconds. */
  readonly loopDelayMaxMs: number;
  readonly heapBytes: number;
  /** Memory outside of the heap that objects of this thread hold: buffers, mostly. */
  readonly externalBytes: number;
}

export type FromInside =
  | ThreadNews
  | ({ readonly type: "thread"; readonly thread: string } & ThreadGauges)
  /** Of the whole process. `cpuMicros`: since its start, user and system, in microseconds. */
  | { readonly type: "process"; readonly rssBytes: number; readonly cpuMicros: number };
