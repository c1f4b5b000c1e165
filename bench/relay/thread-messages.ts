/** What the relay bench's processes and threads say to each other. */
import type { MessagePort } from "node:worker_threads";
import type { RelayPlan } from "./plan.js";

export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
}

/** `workerData` of either kind of server thread. */
export interface RelayThreadData {
  readonly index: number;
  readonly plan: RelayPlan;
  readonly tls: TlsMaterial;
  readonly grantPublicKey: string;
}

/** To a server thread: its link to another one. */
export interface RelayLink {
  readonly index: number;
  readonly port: MessagePort;
}

/** Bench to server process, and its answers. */
export type ToServerProcess =
  | {
      readonly type: "start";
      readonly kind: "fastchat" | "bare";
      readonly data: Omit<RelayThreadData, "index">;
    }
  | { readonly type: "cpu" }
  | { readonly type: "stop" };
export type FromServerProcess =
  | { readonly type: "ready"; readonly ports: readonly number[] }
  /** CPU time of the process so far, user and system, in microseconds. */
  | { readonly type: "cpu"; readonly micros: number };
