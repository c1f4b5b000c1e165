/**
 * Preloaded into the system's process and into each of its threads (`node --import`): ends threads, which cannot be done
 * from outside, and tells how they are. The system's own files are those that people run; they know nothing of it.
 */
import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { BroadcastChannel, isMainThread, threadId } from "node:worker_threads";
import { PRELOAD_VARIABLE, type FromInside, type ThreadGauges, type ToInside } from "./inside-messages.js";
import { meterLinks } from "./link-meter.js";
import { takeOrders, tellBench, watchThreads } from "./watched-threads.js";

/** How often gauges are told, in milliseconds. */
const EVERY_MS = 200;
/** A tick of the kernel's clock for programs, in microseconds: 100 a second on Linux. */
const TICK_MICROS = 10_000;
/** How often event loops are looked at, in milliseconds. */
const LOOP_TIMER_MS = 5;

/** What a bench wants in each thread besides. */
const MODULES = (process.env[PRELOAD_VARIABLE] ?? "").split(" ").filter((href) => href !== "");

/** What a thread tells the watcher. */
type Note =
  | { readonly type: "gauges"; readonly threadId: number; readonly gauges: ThreadGauges }
  | { readonly type: "collected"; readonly threadId: number };

/** What the watcher tells all threads. */
type Order =
  | { readonly type: "slow"; readonly threadId: number; readonly factor: number }
  | { readonly type: "collect" };

const channel = new BroadcastChannel("fastchat-gauges");
// Keeps no thread from ending.
channel.unref();

if (isMainThread) watch();
else {
  tellGauges((gauges) => channel.postMessage({ type: "gauges", threadId, gauges } satisfies Note));
  const orders = new BroadcastChannel("fastchat-orders");
  orders.unref();
  orders.onmessage = (event) => {
    const order = (event as { readonly data: Order }).data;
    if (order.type === "collect") {
      collectGarbage();
      channel.postMessage({ type: "collected", threadId } satisfies Note);
    } else if (order.threadId === threadId) beSlow(order.factor);
  };
}

/** Of every slice of time, so many milliseconds are this thread's to work in or to idle away. */
const SLICE_MS = 10;
let slowness: NodeJS.Timeout | null = null;

/** What was done in a slice is answered by doing nothing for as long as it takes that it took `factor` times as long. */
function beSlow(factor: number): void {
  if (slowness !== null) clearInterval(slowness);
  slowness = null;
  if (factor <= 1) return;
  let before = performance.eventLoopUtilization();
  slowness = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const worked = performance.eventLoopUtilization(now, before).active;
    const until = performance.now() + worked * (factor - 1);
    while (performance.now() < until);
    // What was idled away is not to count as work.
    before = performance.eventLoopUtilization();
  }, SLICE_MS);
  slowness.unref();
}

/** Of this thread. Node hides the collector unless it was started with a flag, which can be set later, too. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

/** Of this very thread: its own JavaScript, and nothing of the pools that work for it. */
function cpuMicros(): number {
  try {
    // Behind the name, which may hold anything: from the state on, fields 14 and 15 of proc(5) are user and system time.
    const fields = readFileSync("/proc/thread-self/stat", "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
  } catch {
    return 0;
  }
}

function tellGauges(tell: (gauges: ThreadGauges) => void): void {
  const links = meterLinks();
  const delay = monitorEventLoopDelay({ resolution: LOOP_TIMER_MS });
  delay.enable();
  setInterval(() => {
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    tell({
      // What is measured is the time from one tick of its timer to the next, and so at least the timer's own.
      loopDelayMaxMs: Math.max(0, delay.max / 1e6 - LOOP_TIMER_MS),
      heapBytes: heapUsed,
      externalBytes: Math.max(external, arrayBuffers),
      cpuMicros: cpuMicros(),
      linkBytes: links.bytes,
    });
    delay.reset();
  }, EVERY_MS).unref();
}

function watch(): void {
  const tell = (message: FromInside): void => tellBench(message);
  const running = watchThreads([import.meta.url, ...MODULES], tell, tell);
  /** Threads that have not collected their garbage yet. */
  const collecting = new Set<number>();
  channel.onmessage = (event) => {
    const note = (event as { readonly data: Note }).data;
    if (note.type === "collected") {
      if (collecting.delete(note.threadId) && collecting.size === 0) collected();
      return;
    }
    const { threadId: id, gauges } = note;
    for (const [thread, worker] of running) {
      if (worker.threadId === id) tell({ type: "thread", thread, ...gauges });
    }
  };
  const tellProcess = (): void => {
    const { user, system } = process.cpuUsage();
    tell({ type: "process", rssBytes: process.memoryUsage.rss(), cpuMicros: user + system });
  };
  const collected = (): void => {
    collectGarbage();
    tellProcess();
    tell({ type: "collected" });
  };
  tellGauges((gauges) => {
    tell({ type: "thread", thread: "supervisor", ...gauges });
    tellProcess();
  });
  const orders = new BroadcastChannel("fastchat-orders");
  orders.unref();
  takeOrders((order: ToInside) => {
    if (order.type === "collect") {
      for (const { threadId: id } of running.values()) collecting.add(id);
      orders.postMessage(order satisfies Order);
      return;
    }
    const worker = running.get(order.thread);
    if (order.type === "end") void worker?.terminate();
    else if (worker !== undefined) {
      orders.postMessage({
        type: "slow",
        threadId: worker.threadId,
        factor: order.factor,
      } satisfies Order);
    }
  });
}
