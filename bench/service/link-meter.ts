/** Counts what this thread sends to other chat servers, where it leaves: at the MessagePorts of its links. */
import { MessagePort } from "node:worker_threads";

/** @returns the bytes so far, which go on counting */
export function meterLinks(): { readonly bytes: number } {
  const sent = { bytes: 0 };
  const prototype = MessagePort.prototype as { postMessage: (...args: unknown[]) => unknown };
  const { postMessage } = prototype;
  prototype.postMessage = function (...args: unknown[]): unknown {
    const batch = args[0] as { readonly bytes?: unknown; readonly consumed?: unknown } | null;
    // What links post, and nobody else: see port-link.ts.
    if (typeof batch?.consumed === "number" && batch.bytes instanceof Uint8Array) {
      sent.bytes += batch.bytes.length;
    }
    // A BroadcastChannel asks its port what came of it.
    return postMessage.apply(this, args);
  };
  return sent;
}
