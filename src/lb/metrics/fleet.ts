/** What the balancer knows of servers and threads at the moment somebody asks. */
import type { LoadReport } from "../../protocol/threads.js";
import type { PlaceableServer } from "../load-view.js";
import { evennessOf, type StateSources } from "../operator/server-states.js";
import type { MetricsRegistry } from "./registry.js";
import type { TrafficMetrics } from "./traffic.js";

export function addFleetMetrics(
  registry: MetricsRegistry,
  { view, fleet, clock }: StateSources,
  traffic: TrafficMetrics,
): void {
  const ofView = (name: string, help: string, value: (server: PlaceableServer) => number): void =>
    registry.gauge(name, help, ["server"], (gauge) => {
      for (const server of view.servers(clock.now())) gauge.set({ server: server.id }, value(server));
    });
  const ofReport = (name: string, help: string, value: (report: LoadReport) => number): void =>
    registry.gauge(name, help, ["server"], (gauge) => {
      for (const { id } of view.servers(clock.now())) {
        const report = traffic.latest(id);
        if (report !== undefined) gauge.set({ server: id }, value(report));
      }
    });
  ofView("connections", "Sessions that are connected.", ({ connections }) => connections);
  ofView(
    "coming_connections",
    "Devices that were sent here and have not connected yet.",
    ({ placed }) => placed,
  );
  ofView(
    "report_age_seconds",
    "Time since the server last reported its load.",
    ({ silentMs }) => silentMs / 1000,
  );
  ofReport("attached_connections", "Of those, sessions that take deliveries.", ({ attached }) => attached);
  ofReport("mailboxes", "Accounts whose mailbox is held in memory.", ({ mailboxes }) => mailboxes);
  ofReport(
    "unsettled_messages",
    "Messages that were taken from clients and are not accepted yet.",
    ({ unsettled }) => unsettled,
  );
  ofReport("queued_writes", "Writes that wait for the database.", ({ writeQueue }) => writeQueue);
  ofReport(
    "event_loop_delay_p99_seconds",
    "99th percentile of the event loop's delay over the last report.",
    ({ loopDelayP99Ms }) => loopDelayP99Ms / 1000,
  );
  ofReport(
    "event_loop_utilization_ratio",
    "Share of the time that the event loop was busy over the last report.",
    ({ utilization }) => utilization,
  );
  registry.gauge(
    "evenness_jain_ratio",
    "Jain's index over the servers that take people: 1 where all have the same.",
    ["of"],
    (gauge) => {
      const { connections, messages } = evennessOf({ view, fleet, clock });
      gauge.set({ of: "connections" }, connections.jain);
      gauge.set({ of: "messages" }, messages.jain);
    },
  );
  registry.gauge("thread_up", "Whether the thread runs: 1 or 0.", ["thread"], (gauge) => {
    for (const { id, life } of fleet.threads) gauge.set({ thread: id }, life === "running" ? 1 : 0);
  });
  registry.counterOf(
    "thread_restarts_total",
    "Starts of a thread after its first.",
    ["thread"],
    (counter) => {
      for (const { id, restarts } of fleet.threads) counter.inc({ thread: id }, restarts);
    },
  );
  registry.gauge(
    "thread_trouble",
    "1 while the thread goes on without something, by code of the error table.",
    ["thread", "code"],
    (gauge) => {
      for (const { id, trouble } of fleet.threads)
        if (trouble !== null) gauge.set({ thread: id, code: trouble }, 1);
    },
  );
}
