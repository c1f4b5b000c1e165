/** The load of a system that was joined, second by second, as its simulated people see it. */
import { elapsed } from "../faults/host-messages.js";
import type { ServerSample } from "./gauges.js";
import type { SeenLoad } from "./traffic.js";

const EVERY_MS = 1_000;

export class OutsideGauges {
  readonly samples: ServerSample[] = [];
  #timer: NodeJS.Timeout | null = null;

  /** @param seen of all people until now, by server */
  constructor(private readonly seen: () => Readonly<Record<string, SeenLoad>>) {}

  /** @param start of the warm-up, as `elapsed()` tells time */
  begin(start: number): void {
    let before = this.seen();
    let since = elapsed();
    this.#timer = setInterval(() => {
      const now = this.seen();
      const at = elapsed();
      const seconds = (at - since) / 1000;
      for (const [server, load] of Object.entries(now)) {
        this.samples.push(sampleOf(at - start, server, load, before[server], seconds));
      }
      before = now;
      since = at;
    }, EVERY_MS);
  }

  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}

function sampleOf(
  at: number,
  server: string,
  now: SeenLoad,
  before: SeenLoad | undefined,
  seconds: number,
): ServerSample {
  const aSecond = (of: "messagesIn" | "messagesOut" | "bytesIn" | "bytesOut"): number =>
    (now[of] - (before?.[of] ?? 0)) / seconds;
  return {
    at,
    server,
    connections: now.connections,
    mailboxes: null,
    messagesIn: aSecond("messagesIn"),
    messagesOut: aSecond("messagesOut"),
    bytesIn: aSecond("bytesIn"),
    bytesOut: aSecond("bytesOut"),
    loopDelayP99Ms: null,
    utilization: null,
  };
}
