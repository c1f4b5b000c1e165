/**
 * All that crosses a MessagePort between the threads of one system, but for the buffers between chat servers, whose
 * layout is link.ts. A worker talks to the supervisor over `parentPort`, a chat server to the balancer over a port
 * of their own.
 */
import type { MessagePort } from "node:worker_threads";
import type { ErrorCode, ErrorRecord } from "./errors.js";
import type { AccountId, DeviceId, Incarnation, ServerId, SessionNumber } from "./ids.js";
import type { View } from "./view.js";

/** Where a thread listens. */
export interface Listening {
  readonly host: string;
  readonly port: number;
}

/** A chat server as the balancer knows it. */
export interface ServerEntry {
  readonly id: ServerId;
  readonly incarnation: Incarnation;
  readonly listening: Listening;
}

/**
 * Upper bounds, in milliseconds, by which chat servers sort how long messages took to be accepted; what took longer than
 * the last is counted behind them.
 */
export const ACCEPT_BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000] as const;

/** What a chat server measured since its last report; sent every second. */
export interface LoadReport {
  /** Sessions connected now. */
  readonly connections: number;
  /** Of those, sessions that take deliveries. */
  readonly attached: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Accounts whose mailbox is held in memory here. */
  readonly mailboxes: number;
  /** Messages accepted from clients and not settled yet. */
  readonly unsettled: number;
  /** Writes waiting for the database. */
  readonly writeQueue: number;
  /** 99th percentile of the event loop's delay, in milliseconds. */
  readonly loopDelayP99Ms: number;
  /** Share of time that the event loop was busy, 0 to 1. */
  readonly utilization: number;
  /**
   * Messages whose `accepted` was written, by how long after their frame had come: one count for each of
   * {@link ACCEPT_BOUNDS_MS} and one for slower ones.
   */
  readonly accepted: { readonly counts: readonly number[]; readonly sumMs: number };
  /** Connections that the server ended, by the reason it gave. */
  readonly ended: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Milliseconds that the figures cover. */
  readonly overMs: number;
}

/** What a chat server is for at present: `draining` ones take nobody new; `retiring` ones end once nobody is left there. */
export type Duty = "serving" | "draining" | "retiring";

/** A thread as the supervisor sees it. */
export interface ThreadStatus {
  readonly id: string;
  readonly kind: "database" | "balancer" | "archive" | "chat";
  readonly life: "waiting" | "starting" | "running" | "dying" | "resting" | "stopping" | "ended";
  /** Of a chat server; `serving` for all others. */
  readonly duty: Duty;
  /** How often it was started again. */
  readonly restarts: number;
  /** What it goes on without. */
  readonly trouble: ErrorCode | null;
}

/** What an operator may have the supervisor do. */
export type FleetOrder =
  /** Nobody is placed there any more, and its sessions move away; it goes on running. */
  | { readonly do: "drain"; readonly server: ServerId }
  /** Takes that back. */
  | { readonly do: "resume"; readonly server: ServerId }
  /** So many chat servers from now on: the newest are drained and end, or more are started. */
  | { readonly do: "scale"; readonly servers: number }
  /** Sessions move until the load is even, which the balancer says by `evened`. */
  | { readonly do: "rebalance" };

/** Supervisor to any thread. */
export type ToThread =
  | { readonly type: "ping"; readonly ref: number }
  /** A link to another chat server; replaces an older one to the same id. */
  | {
      readonly type: "link";
      readonly peer: ServerId;
      readonly incarnation: Incarnation;
      readonly port: MessagePort;
    }
  | { readonly type: "unlink"; readonly peer: ServerId; readonly incarnation: Incarnation }
  /** The port between a chat server and the balancer; replaces an older one. */
  | { readonly type: "balancer"; readonly port: MessagePort }
  | { readonly type: "server"; readonly server: ServerEntry; readonly port: MessagePort }
  | { readonly type: "serverGone"; readonly id: ServerId; readonly incarnation: Incarnation }
  /** Stop serving the mailboxes that move away in this view, finish their writes, then answer `prepared`. */
  | { readonly type: "prepare"; readonly view: View }
  | { readonly type: "activate"; readonly view: View }
  /** Where the archive listens now. */
  | { readonly type: "archive"; readonly listening: Listening }
  /** To the balancer, whenever something of it changes: all threads there are, and whether an operator's rebalance goes on. */
  | { readonly type: "fleet"; readonly threads: readonly ThreadStatus[]; readonly rebalancing: boolean }
  /** To the balancer: an order was taken up, or, with `error`, refused. */
  | { readonly type: "ordered"; readonly ref: number; readonly error: ErrorRecord | null }
  | { readonly type: "stop" };

/** Any thread to the supervisor. */
export type FromThread =
  /** The thread serves; `listening` for those that have a TCP port. */
  | { readonly type: "ready"; readonly listening?: Listening }
  | { readonly type: "pong"; readonly ref: number }
  | { readonly type: "prepared"; readonly view: number }
  | { readonly type: "report"; readonly report: LoadReport }
  /** It goes on as well as it can without this; `null` once all is well again. */
  | { readonly type: "trouble"; readonly trouble: ErrorCode | null }
  /** The balancer, for an operator; answered by `ordered`. */
  | { readonly type: "order"; readonly ref: number; readonly order: FleetOrder }
  /** The balancer: a server that is retiring has no session left. */
  | { readonly type: "emptied"; readonly id: ServerId; readonly incarnation: Incarnation }
  /** The balancer: the load is as even as it can be, and an operator's rebalance over. */
  | { readonly type: "evened" }
  /** It cannot go on, for a reason that a person can mend; it ends after this. */
  | { readonly type: "failed"; readonly error: ErrorRecord }
  /** Everything it had to finish is finished; the thread ends by itself now. */
  | { readonly type: "stopped" };

/** Chat server to balancer. */
export type ToBalancer =
  /** With the sessions that had the most messages since the last one, at most {@link MOST_BUSIEST}, the busiest first. */
  | {
      readonly type: "report";
      readonly report: LoadReport;
      readonly busiest: readonly SessionTraffic[];
    }
  /** A ticket was used: the placement it stood for is now a connection. `nonce` is the ticket's, in hexadecimal. */
  | { readonly type: "connected"; readonly session: ConnectedSession; readonly nonce: string }
  | { readonly type: "disconnected"; readonly session: SessionNumber }
  /** All present sessions, for a balancer that has just (re)started. */
  | { readonly type: "sessions"; readonly sessions: readonly ConnectedSession[] };

export interface ConnectedSession {
  readonly session: SessionNumber;
  readonly account: AccountId;
  readonly device: DeviceId;
}

/** Why a session may not go on: the device is not signed in any more, or nobody may use its account for now. */
export type SessionEnd = "notSignedIn" | "suspended";

/** Sessions that a report names, at most. */
export const MOST_BUSIEST = 64;

export interface SessionTraffic {
  readonly session: SessionNumber;
  /** In and out. */
  readonly messages: number;
}

/** Where a session is to go on. */
export interface SessionMove {
  readonly session: SessionNumber;
  readonly server: ServerId;
  readonly host: string;
  readonly port: number;
  /** For that server, and for the account and device of the session. */
  readonly ticket: Uint8Array;
}

/** Balancer to chat server. */
export type FromBalancer =
  /** These devices were revoked: end their sessions, and tell them why. */
  | { readonly type: "revoked"; readonly devices: readonly DeviceId[]; readonly why: SessionEnd }
  /** These sessions are to go on at other servers. */
  | { readonly type: "move"; readonly moves: readonly SessionMove[] };
