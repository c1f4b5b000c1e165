/**
 * Whether the first step of a login tells, by its time, a name that somebody has from one that nobody has. Both are asked in
 * turns, by autocannon.
 */
import { client as opaque } from "@serenity-kit/opaque";
import autocannon from "autocannon";
import type { ServiceAddress } from "../../src/protocol/address.js";
import { PATHS } from "../../src/protocol/http.js";
import { Times as Latency } from "../percentiles.js";

export interface Times {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Names {
  readonly known: Times;
  readonly unknown: Times;
  /** By how much the medians differ, by the unknown name's. */
  readonly difference: number;
}

/**
 * @param known somebody's name
 * @param unknown nobody's, of the same length, so that the requests have the same, too
 * @param requests of each in a round
 */
export async function compareNames(
  address: ServiceAddress,
  { known, unknown }: { readonly known: string; readonly unknown: string },
  { rounds, requests }: { readonly rounds: number; readonly requests: number },
): Promise<Names> {
  const request = opaque.startLogin({ password: "a guess" }).startLoginRequest;
  const sides = { known: new Side(address, known, request), unknown: new Side(address, unknown, request) };
  await sides.known.measure(requests);
  await sides.unknown.measure(requests);
  sides.known.forget();
  sides.unknown.forget();
  for (let round = 1; round <= rounds; round++) {
    const order = round % 2 === 0 ? [sides.unknown, sides.known] : [sides.known, sides.unknown];
    for (const side of order) await side.measure(requests);
  }
  const [ofKnown, ofUnknown] = [sides.known.times(), sides.unknown.times()];
  const difference = Math.abs(ofKnown.p50Ms - ofUnknown.p50Ms) / ofUnknown.p50Ms;
  return { known: ofKnown, unknown: ofUnknown, difference };
}

/** One name, asked for again and again. */
class Side {
  #latency = new Latency();

  constructor(
    private readonly address: ServiceAddress,
    private readonly name: string,
    private readonly request: string,
  ) {}

  async measure(requests: number): Promise<void> {
    const { host, port } = this.address;
    const options: autocannon.Options = {
      url: `https://${host}:${port}${PATHS.loginStart}`,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: this.name, request: this.request }),
      amount: requests,
      connections: 2,
      tlsOptions: { rejectUnauthorized: false },
    };
    const result = await new Promise<autocannon.Result>((resolve, reject) => {
      const running = autocannon(options, (error: Error | null, done) => {
        if (error === null) resolve(done);
        else reject(error);
      });
      // Its own histogram counts whole milliseconds; the times it tells of each response are finer.
      running.on("response", (_client, _status, _bytes, milliseconds) => {
        this.#latency.recordMs(milliseconds);
      });
    });
    if (result["2xx"] !== requests) {
      throw new Error(
        `of ${requests} requests ${result["2xx"]} were answered with success; nothing can be compared`,
      );
    }
  }

  forget(): void {
    this.#latency = new Latency();
  }

  times(): Times {
    const { p50, p99 } = this.#latency.percentiles();
    return { p50Ms: p50, p99Ms: p99 };
  }
}
