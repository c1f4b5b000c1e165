/**
 * Preloaded into the system's process and into each of its threads (`node --import`), so that the bench can break what
 * cannot be broken from outside: it ends threads, blocks their loops and sets their clocks. The system's own files are
 * those that people run; they know nothing of it.
 */
import {
  BroadcastChannel,
  getEnvironmentData,
  isMainThread,
  setEnvironmentData,
  threadId,
} from "node:worker_threads";
import type { FromInside, ToInside } from "./inside-messages.js";
import { takeOrders, tellBench, watchThreads } from "../service/watched-threads.js";

const CHANNEL = "fastchat-faults";
const CLOCK = "fastchat-faults-clock";

type Order =
  | { readonly type: "block"; readonly threadId: number; readonly ms: number }
  | { readonly type: "clock"; readonly offsetMs: number };
type Report = { readonly type: "blocked"; readonly threadId: number };

const channel = new BroadcastChannel(CHANNEL);
// Keeps no thread from ending.
channel.unref();
let clockOffsetMs = Number(getEnvironmentData(CLOCK) ?? 0);
patchDate();

if (isMainThread) watch();
else {
  channel.onmessage = (event) => {
    const order = (event as { readonly data: Order }).data;
    if (order.type === "clock") clockOffsetMs = order.offsetMs;
    else if (order.threadId === threadId) {
      channel.postMessage({ type: "blocked", threadId } satisfies Report);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, order.ms);
    }
  };
}

function watch(): void {
  const tell = (message: FromInside): void => tellBench(message);
  const running = watchThreads([import.meta.url], tell);
  channel.onmessage = (event) => {
    const report = (event as { readonly data: Report }).data;
    for (const [thread, worker] of running) {
      if (worker.threadId === report.threadId) tell({ type: "blocked", thread });
    }
  };
  takeOrders((message: ToInside) => {
    switch (message.type) {
      case "end":
        void running.get(message.thread)?.terminate();
        return;
      case "block": {
        const blocked = running.get(message.thread)?.threadId;
        if (blocked === undefined) return;
        channel.postMessage({ type: "block", threadId: blocked, ms: message.ms } satisfies Order);
        return;
      }
      case "clock":
        clockOffsetMs = message.offsetMs;
        setEnvironmentData(CLOCK, clockOffsetMs);
        channel.postMessage(message satisfies Order);
        return;
    }
  });
}

function patchDate(): void {
  const RealDate = Date;
  const now = (): number => RealDate.now() + clockOffsetMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args: unknown[], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
    apply: () => new RealDate(now()).toString(),
    get: (target, name, receiver) =>
      name === "now" ? now : (Reflect.get(target, name, receiver) as unknown),
  });
}
