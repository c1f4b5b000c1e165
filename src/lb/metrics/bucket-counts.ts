/**
 * A histogram whose values were sorted into buckets elsewhere: chat servers do so, message by message, and report counts.
 * The library's own takes single values only.
 */
import type { ServerId } from "../../protocol/ids.js";

export class BucketCounts {
  readonly #of = new Map<ServerId, { readonly counts: number[]; sum: number }>();

  /**
   * @param name of the metric, whose one label is `server`
   * @param bounds upper bounds of the buckets, ascending
   */
  constructor(
    private readonly name: string,
    private readonly help: string,
    private readonly bounds: readonly number[],
  ) {}

  /**
   * Adds what was counted.
   *
   * @param counts one for each bucket and one for what is above all of them
   */
  add(server: ServerId, counts: readonly number[], sum: number): void {
    let own = this.#of.get(server);
    if (own === undefined) {
      own = { counts: new Array<number>(this.bounds.length + 1).fill(0), sum: 0 };
      this.#of.set(server, own);
    }
    for (let bucket = 0; bucket < own.counts.length; bucket++) {
      own.counts[bucket] = (own.counts[bucket] ?? 0) + (counts[bucket] ?? 0);
    }
    own.sum += sum;
  }

  keepOnly(servers: ReadonlySet<string>): void {
    for (const server of this.#of.keys()) if (!servers.has(server)) this.#of.delete(server);
  }

  /** In the text format of Prometheus: each bucket holds what is in the smaller ones, too. */
  text(): string {
    const lines = [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} histogram`];
    for (const [server, { counts, sum }] of this.#of) {
      const label = `server="${server}"`;
      let total = 0;
      counts.forEach((count, bucket) => {
        total += count;
        lines.push(`${this.name}_bucket{le="${this.bounds[bucket] ?? "+Inf"}",${label}} ${total}`);
      });
      lines.push(`${this.name}_sum{${label}} ${sum}`, `${this.name}_count{${label}} ${total}`);
    }
    return `${lines.join("\n")}\n`;
  }
}
