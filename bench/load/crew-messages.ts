/** What the run says to a thread of its crew, and hears from it. */
import type { RecordableHistogram } from "node:perf_hooks";
import type { MessagePort } from "node:worker_threads";
import type { ErrorRecord } from "../../src/protocol/errors.js";
import type { ArchiveRecord, HistoryEvent } from "../history/events.js";
import type { LoadPlan } from "./plan.js";
import type { SeenLoad } from "./traffic.js";

/** What a crew thread is started with. */
export interface CrewOrder {
  readonly port: MessagePort;
  readonly service: { readonly host: string; readonly port: number; readonly pin: string | null };
  readonly plan: LoadPlan;
  /** Numbers of its people. */
  readonly people: readonly number[];
  /** RSA keys of its people, in their order. */
  readonly keys: readonly Uint8Array[];
  /** Put before each name, so that a service that is joined twice gets new people. */
  readonly prefix: string;
}

export type ToCrew =
  /** Signs everybody up who is to be there. */
  | { readonly type: "signUp" }
  /**
   * Connects everybody but those who are away. @param arriveMs they log in one after the other, each on a new device, evenly over
   * so many milliseconds; `null`: as soon as may be, on the device that they signed up on
   */
  | { readonly type: "connect"; readonly arriveMs: number | null }
  /** Has the makers of groups make them. */
  | { readonly type: "gather" }
  /** Begins to write. @param start of the warm-up, as `elapsed()` tells time */
  | { readonly type: "begin"; readonly start: number }
  /** Sends nothing more that is planned. */
  | { readonly type: "stop" }
  /** Connects those who were away. */
  | { readonly type: "connectRest" }
  /** Closes everybody's listening, and reads every archive. */
  | { readonly type: "readBack" };

/** How a crew is getting on, told several times a second. */
export interface CrewState {
  readonly signedUp: number;
  readonly live: number;
  /** Messages handed to clients, answered, and shown to recipients. */
  readonly sent: number;
  readonly answered: number;
  readonly received: number;
  /** Deliveries that are due for what was accepted. */
  readonly due: number;
  /** Members who have heard what their group is called. */
  readonly gathered: number;
  /** How far the newest message was behind its plan when it was handed to its client, in milliseconds. */
  readonly lateMs: number;
  readonly readBack: number;
}

/** Before anything has happened. */
export const NO_STATE: CrewState = {
  signedUp: 0,
  live: 0,
  sent: 0,
  answered: 0,
  received: 0,
  due: 0,
  gathered: 0,
  lateMs: 0,
  readBack: 0,
};

export type FromCrew =
  | {
      readonly type: "state";
      readonly state: CrewState;
      /** By server. */
      readonly seen: Readonly<Record<string, SeenLoad>>;
    }
  /** An order of that type is carried out. */
  | { readonly type: "done"; readonly what: ToCrew["type"] }
  /** Something that must not happen. */
  | { readonly type: "problem"; readonly text: string };

/** What a crew thread returns in the end. */
export interface CrewResult {
  readonly events: readonly HistoryEvent[];
  readonly archives: readonly ArchiveRecord[];
  /** Of measured messages: from the moment they should have been sent until they were shown, and until they were accepted. */
  readonly endToEnd: RecordableHistogram;
  readonly accepted: RecordableHistogram;
  /** How far measured messages were behind their plan when they were handed to their clients. */
  readonly lateness: RecordableHistogram;
  /** From when somebody should have begun to log in until everything that waited for them had come; empty unless they did. */
  readonly logins: RecordableHistogram;
  /** Sessions by server when everybody was connected, before anybody wrote. */
  readonly placed: Readonly<Record<string, number>>;
  /** Time that calls of cryptographic primitives took, in milliseconds, and how many there were. */
  readonly crypto: { readonly ms: number; readonly calls: number };
}

/** What ended a crew before its time, if it is one of the project's own errors: their class does not cross threads. */
export interface CrewFailure {
  readonly failed: ErrorRecord;
}
