/** What Prometheus is told (OPERATIONS.md, "What to watch"). */
import type { ServerId } from "../../protocol/ids.js";
import type { LoadReport } from "../../protocol/threads.js";
import type { StateSources } from "../operator/server-states.js";
import { addFleetMetrics } from "./fleet.js";
import { addProcessMetrics } from "./process.js";
import { MetricsRegistry } from "./registry.js";
import { RequestMetrics } from "./requests.js";
import { TrafficMetrics } from "./traffic.js";

export class Metrics {
  readonly #registry = new MetricsRegistry();
  readonly #traffic = new TrafficMetrics(this.#registry);
  readonly #endProcess = addProcessMetrics(this.#registry);
  readonly requests = new RequestMetrics(this.#registry);

  constructor(sources: StateSources) {
    addFleetMetrics(this.#registry, sources, this.#traffic);
    sources.fleet.onChange(() => {
      const servers = sources.fleet.threads.filter(({ kind }) => kind === "chat").map(({ id }) => id);
      this.#keepOnly(new Set(servers));
    });
  }

  /** A chat server said what it did. */
  reported(server: ServerId, report: LoadReport): void {
    this.#traffic.add(server, report);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** In the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.text();
  }

  close(): void {
    this.#endProcess();
  }

  #keepOnly(servers: ReadonlySet<string>): void {
    this.#traffic.keepOnly(servers);
    void this.#registry.keepServers(servers);
  }
}
