/** What a thread says, as the supervisor's state machine takes it. */
import type { Incarnation } from "../protocol/ids.js";
import type { FromThread } from "../protocol/threads.js";
import type { ThreadEvent } from "./state.js";

/**
 * @param incarnation of the thread's present run
 * @returns `null` for what the state machine need not know
 */
export function threadEventOf(message: FromThread, incarnation: Incarnation): ThreadEvent | null {
  switch (message.type) {
    case "ready":
      return { type: "ready", listening: message.listening ?? null, incarnation };
    case "pong":
      return { type: "pong" };
    case "prepared":
      return { type: "prepared", view: message.view };
    case "trouble":
      return { type: "trouble", trouble: message.trouble };
    case "order":
      return { type: "order", ref: message.ref, order: message.order };
    case "emptied":
      return { type: "emptied", id: message.id, incarnation: message.incarnation };
    case "evened":
      return { type: "evened" };
    case "failed":
      return { type: "failed", error: message.error };
    case "report":
    case "stopped":
      // Reports go elsewhere; and what counts is not that a thread stops, but that it has ended, which follows.
      return null;
  }
}
