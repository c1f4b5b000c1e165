/** The process that all threads share, and the balancer's own event loop. */
import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { RELEASE } from "../release.js";
import type { MetricsRegistry } from "./registry.js";

/** How often the event loop's delay is looked at, in milliseconds. */
const LOOP_TIMER_MS = 10;
const OPEN_FILES = "/proc/self/fd";

/** @returns ends what is measured */
export function addProcessMetrics(registry: MetricsRegistry): () => void {
  registry.gauge(
    "build_info",
    "1, with the release of FastChat and the version of Node.",
    ["version", "node_version"],
    (gauge) => gauge.set({ version: RELEASE, node_version: process.version }, 1),
  );
  registry.counterOf("process_cpu_seconds_total", "CPU time of the whole process.", [], (counter) => {
    const { user, system } = process.cpuUsage();
    counter.inc((user + system) / 1e6);
  });
  registry.gauge("process_resident_memory_bytes", "Memory of the whole process.", [], (gauge) =>
    gauge.set(process.memoryUsage.rss()),
  );
  registry.gauge(
    "process_start_time_seconds",
    "When the process began, in seconds since 1970.",
    [],
    (gauge) => gauge.set(Date.now() / 1000 - process.uptime()),
  );
  if (openFiles() !== null) {
    registry.gauge("process_open_fds", "Open file descriptors; not on every system.", [], (gauge) =>
      gauge.set(openFiles() ?? 0),
    );
  }
  const delay = monitorEventLoopDelay({ resolution: LOOP_TIMER_MS });
  delay.enable();
  registry.gauge(
    "balancer_event_loop_delay_p99_seconds",
    "99th percentile of the balancer's event loop's delay since the last scrape.",
    [],
    (gauge) => {
      gauge.set(Math.max(0, delay.percentile(99) / 1e9 - LOOP_TIMER_MS / 1000));
      delay.reset();
    },
  );
  return () => delay.disable();
}

function openFiles(): number | null {
  try {
    return readdirSync(OPEN_FILES).length;
  } catch {
    return null;
  }
}
