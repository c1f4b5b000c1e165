/** Where all metrics stand, and how one is made: every name begins alike and has its help. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { BucketCounts } from "./bucket-counts.js";

const PREFIX = "fastchat_";

/** What metrics are told apart by. The values of each come from a set of bounded size, and none names a person. */
export type Label =
  | "server"
  | "thread"
  | "code"
  | "outcome"
  | "route"
  | "method"
  | "status"
  | "of"
  | "version"
  | "node_version";

/** Sets every value of a metric, whenever somebody asks for it. */
type Collect<M> = (metric: M) => void;

export class MetricsRegistry {
  readonly #registry = new Registry();
  readonly #counts: BucketCounts[] = [];
  readonly #ofServers: Counter<Label>[] = [];

  /** Media type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** @param name without prefix; ends in `_total` */
  counter<L extends Label>(name: string, help: string, labels: readonly L[] = []): Counter<L> {
    const counter = new Counter({ ...this.#named(name, help), labelNames: labels });
    if (labels.some((label) => label === "server")) this.#ofServers.push(counter);
    return counter;
  }

  /** A counter of what is counted elsewhere. */
  counterOf<L extends Label>(
    name: string,
    help: string,
    labels: readonly L[],
    collect: Collect<Counter<L>>,
  ): void {
    new Counter({ ...this.#named(name, help), labelNames: labels, collect: afresh(collect) });
  }

  /** @param name without prefix; ends in its unit, where it has one */
  gauge<L extends Label>(name: string, help: string, labels: readonly L[], collect: Collect<Gauge<L>>): void {
    new Gauge({ ...this.#named(name, help), labelNames: labels, collect: afresh(collect) });
  }

  /** @param bounds upper bounds of the buckets, in seconds */
  histogram<L extends Label>(
    name: string,
    help: string,
    labels: readonly L[],
    bounds: readonly number[],
  ): Histogram<L> {
    return new Histogram({ ...this.#named(name, help), labelNames: labels, buckets: [...bounds] });
  }

  /** A histogram by server, of values that are sorted into buckets there. */
  bucketCounts(name: string, help: string, bounds: readonly number[]): BucketCounts {
    const counts = new BucketCounts(PREFIX + name, help, bounds);
    this.#counts.push(counts);
    return counts;
  }

  /** Drops what was counted for other servers: with each that comes and goes there would be more. */
  async keepServers(servers: ReadonlySet<string>): Promise<void> {
    for (const counter of this.#ofServers) {
      for (const { labels } of (await counter.get()).values) {
        if (!servers.has(String(labels.server))) counter.remove(labels);
      }
    }
    for (const counts of this.#counts) counts.keepOnly(servers);
  }

  /** All metrics, in the text format of Prometheus. */
  async text(): Promise<string> {
    const texts = this.#counts.map((counts) => counts.text());
    return [await this.#registry.metrics(), ...texts].join("\n");
  }

  #named(name: string, help: string) {
    return { name: PREFIX + name, help, registers: [this.#registry] };
  }
}

/** Values of labels that are no more would otherwise stay. */
function afresh<M extends { reset(): void }>(collect: Collect<M>): (this: M) => void {
  return function (this: M) {
    this.reset();
    collect(this);
  };
}
