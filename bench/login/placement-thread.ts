/**
 * Asks for places at moments drawn beforehand, in a thread of its own so that nobody's logins hold it up: latency counts from the
 * moment that was drawn, whatever came between.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { ServiceAddress } from "../../src/protocol/address.js";
import { PATHS } from "../../src/protocol/http.js";
import { Chance } from "../simulation/chance.js";
import { HttpsLine } from "./https-line.js";

export interface PlacementThreadData {
  readonly address: ServiceAddress;
  readonly token: string;
  readonly perSecond: number;
}

/** To the thread. Figures are of what was asked since the last `tell`. */
export type ToPlacements = { readonly type: "tell" } | { readonly type: "stop" };

export type FromPlacements =
  | { readonly type: "ready" }
  /** Of each placement, in milliseconds. */
  | { readonly type: "figures"; readonly times: readonly number[] }
  | { readonly type: "failed"; readonly reason: string };

/** Connections, opened beforehand, more than are ever needed. They take turns: the balancer closes one that nobody uses. */
const CONNECTIONS = 50;

const port = parentPort;
if (port === null) throw new Error("this is a thread's entry");
const { address, token, perSecond } = workerData as PlacementThreadData;
const tell = (message: FromPlacements): void => port.postMessage(message);

const idle = await Promise.all(Array.from({ length: CONNECTIONS }, () => HttpsLine.open(address)));
const waiting: (() => void)[] = [];
const chance = new Chance(1);
let times: number[] = [];
let next = performance.now();
let timer: NodeJS.Timeout | undefined;

async function placed(planned: number): Promise<void> {
  if (idle.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
  const line = idle.shift();
  if (line === undefined) throw new Error("no connection is free");
  const { status, text } = await line.ask("POST", PATHS.place, null, token);
  if (status !== 200) throw new Error(`a placement was refused: ${text}`);
  times.push(performance.now() - planned);
  idle.push(line);
  waiting.shift()?.();
}

function work(): void {
  for (; next <= performance.now(); next += (-Math.log(1 - chance.next()) * 1000) / perSecond) {
    placed(next).catch((error: unknown) => tell({ type: "failed", reason: String(error) }));
  }
  timer = setTimeout(work, Math.max(0, next - performance.now()));
}

port.on("message", (message: ToPlacements) => {
  if (message.type === "tell") {
    tell({ type: "figures", times });
    times = [];
    return;
  }
  clearTimeout(timer);
  for (const line of idle) line.close();
  port.close();
});
work();
tell({ type: "ready" });
