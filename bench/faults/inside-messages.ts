/** What the bench and the watcher inside the system (inside.ts) say to each other, by the process's IPC. */
import type { ThreadNews } from "../service/watched-threads.js";

export type ToInside =
  | { readonly type: "end"; readonly thread: string }
  | { readonly type: "block"; readonly thread: string; readonly ms: number }
  /** The clocks of all threads are so far off from now on, in milliseconds. */
  | { readonly type: "clock"; readonly offsetMs: number };

export type FromInside =
  | ThreadNews
  /** Its loop stands still from now on. */
  | { readonly type: "blocked"; readonly thread: string };
