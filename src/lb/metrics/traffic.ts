/** What chat servers report, added up: their own counts end with them, these go on when one is started again. */
import type { ErrorCode } from "../../protocol/errors.js";
import type { ServerId } from "../../protocol/ids.js";
import { ACCEPT_BOUNDS_MS, type LoadReport } from "../../protocol/threads.js";
import type { MetricsRegistry } from "./registry.js";

export class TrafficMetrics {
  readonly #received;
  readonly #delivered;
  readonly #receivedBytes;
  readonly #deliveredBytes;
  readonly #ended;
  readonly #accepted;
  readonly #latest = new Map<ServerId, LoadReport>();

  constructor(registry: MetricsRegistry) {
    const of = ["server"] as const;
    this.#received = registry.counter("received_messages_total", "Messages that clients sent.", of);
    this.#delivered = registry.counter(
      "delivered_messages_total",
      "Messages that were written to clients, once for each connection that got one.",
      of,
    );
    this.#receivedBytes = registry.counter(
      "received_bytes_total",
      "Bytes of messages that clients sent.",
      of,
    );
    this.#deliveredBytes = registry.counter(
      "delivered_bytes_total",
      "Bytes of messages that were written to clients.",
      of,
    );
    this.#ended = registry.counter(
      "ended_connections_total",
      "Connections that a server ended, by the code of the error table that it gave as its reason.",
      ["server", "code"],
    );
    this.#accepted = registry.bucketCounts(
      "accept_duration_seconds",
      "Time from a message's arrival until its sender was told that it is accepted.",
      ACCEPT_BOUNDS_MS.map((ms) => ms / 1000),
    );
  }

  add(server: ServerId, report: LoadReport): void {
    this.#latest.set(server, report);
    this.#received.inc({ server }, report.messagesIn);
    this.#delivered.inc({ server }, report.messagesOut);
    this.#receivedBytes.inc({ server }, report.bytesIn);
    this.#deliveredBytes.inc({ server }, report.bytesOut);
    for (const [code, count] of Object.entries(report.ended) as [ErrorCode, number][]) {
      this.#ended.inc({ server, code }, count);
    }
    this.#accepted.add(server, report.accepted.counts, report.accepted.sumMs / 1000);
  }

  /** The last that a server reported. */
  latest(server: ServerId): LoadReport | undefined {
    return this.#latest.get(server);
  }

  /** Forgets servers that are no more. */
  keepOnly(servers: ReadonlySet<string>): void {
    for (const server of this.#latest.keys()) if (!servers.has(server)) this.#latest.delete(server);
  }
}
