/**
 * Preloaded into the system's process and into each of its threads (`node --import`): ends threads, which cannot be done
 * from outside, and tells how they are. The system's own files are those that people run; they know nothing of it.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { BroadcastChannel, isMainThread, threadId } from "node:worker_threads";
import type { FromInside, ThreadGauges, ToInside } from "./inside-messages.js";
import { takeOrders, tellBench, watchThreads } from "./watched-threads.js";

/** How often gauges are told, in milliseconds. */
const EVERY_MS = 200;
/** How often event loops are looked at, in milliseconds. */
const LOOP_TIMER_MS = 5;

interface Note extends ThreadGauges {
  readonly threadId: number;
}

const channel = new BroadcastChannel("fastchat-gauges");
// Keeps no thread from ending.
channel.unref();

if (isMainThread) watch();
else tellGauges((gauges) => channel.postMessage({ ...gauges, threadId } satisfies Note));

function tellGauges(tell: (gauges: ThreadGauges) => void): void {
  const delay = monitorEventLoopDelay({ resolution: LOOP_TIMER_MS });
  delay.enable();
  setInterval(() => {
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    tell({
      // What is measured is the time from one tick of its timer to the next, and so at least the timer's own.
      loopDelayMaxMs: Math.max(0, delay.max / 1e6 - LOOP_TIMER_MS),
      heapBytes: heapUsed,
      externalBytes: Math.max(external, arrayBuffers),
    });
    delay.reset();
  }, EVERY_MS).unref();
}

function watch(): void {
  const tell = (message: FromInside): void => tellBench(message);
  const running = watchThreads(import.meta.url, tell);
  channel.onmessage = (event) => {
    const { threadId: id, ...gauges } = (event as { readonly data: Note }).data;
    for (const [thread, worker] of running) {
      if (worker.threadId === id) tell({ type: "thread", thread, ...gauges });
    }
  };
  tellGauges((gauges) => {
    const { user, system } = process.cpuUsage();
    tell({ type: "thread", thread: "supervisor", ...gauges });
    tell({ type: "process", rssBytes: process.memoryUsage.rss(), cpuMicros: user + system });
  });
  takeOrders(({ thread }: ToInside) => void running.get(thread)?.terminate());
}
