/** What the bench and the watcher inside the system (inside.ts) say to each other, by the process's IPC. */

export type ToInside =
  | { readonly type: "end"; readonly thread: string }
  | { readonly type: "block"; readonly thread: string; readonly ms: number }
  /** The clocks of all threads are so far off from now on, in milliseconds. */
  | { readonly type: "clock"; readonly offsetMs: number };

export type FromInside =
  /** Its supervisor was told that it is ready. */
  | { readonly type: "ready"; readonly thread: string }
  /** Its loop stands still from now on. */
  | { readonly type: "blocked"; readonly thread: string }
  | { readonly type: "exited"; readonly thread: string };
