/** How many requests a second the balancer answers, by autocannon, in a thread of its own. */
import autocannon from "autocannon";
import type { ServiceAddress } from "../../src/protocol/address.js";

export interface Rate {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Connections that ask, each for one thing at a time. */
const CONNECTIONS = 20;

/** @throws Error where one request is answered otherwise than with success */
export async function measureRate(
  { host, port }: ServiceAddress,
  method: "GET" | "POST",
  path: string,
  token: string,
  seconds: number,
): Promise<Rate> {
  const result = await autocannon({
    url: `https://${host}:${port}${path}`,
    method,
    headers: { authorization: `Bearer ${token}` },
    duration: seconds,
    connections: CONNECTIONS,
    workers: 1,
    tlsOptions: { rejectUnauthorized: false },
  });
  if (result.non2xx + result.errors + result.timeouts > 0) {
    throw new Error(
      `${method} ${path}: ${result.non2xx} refused, ${result.errors} failed, ${result.timeouts} late`,
    );
  }
  return {
    perSecond: result["2xx"] / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  };
}
