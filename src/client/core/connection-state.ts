/** What the connection's state machine (connection.ts) is in, is told, and wants done. */
import type { ClientMessage, ServerMessage } from "../../protocol/chat.js";
import type { ErrorRecord } from "../../protocol/errors.js";
import type { Placement } from "../../protocol/http.js";
import type { ConnectionStatus } from "./messages.js";
import type { Endpoint } from "./ports.js";

export type Welcome = Extract<ServerMessage, { type: "welcome" }>;
/** Where an open session is to go on. */
export type MoveMessage = Extract<ServerMessage, { type: "move" }>;
/** What the server says of the session itself. */
export type SessionMessage = Extract<ServerMessage, { type: "welcome" | "live" | "closing" | "move" }>;

/** How far a session has come with deliveries. */
export type Delivery = "none" | "catchingUp" | "live";

/** The way to the server where an open session is to go on; until that welcomes it, the session stays where it is. */
export type Move = {
  readonly attempt: number;
  /** Who named the server: the one that told the session to move, or the balancer after that had failed. */
  readonly by: "server" | "balancer";
} & (
  | { readonly step: "placing" }
  | { readonly step: "connecting"; readonly ticket: Uint8Array }
  | { readonly step: "greeting"; readonly delivery: Delivery }
);

/** `attach`: whether messages shall be delivered here. `tries`: failures in a row. */
interface Common {
  readonly attach: boolean;
  readonly tries: number;
}

/** `attempt` numbers the ways to a server, so that an answer to an abandoned one is known as such. */
export type ConnectionState =
  | (Common & { readonly phase: "idle" | "waiting"; readonly attempt: number })
  | (Common & { readonly phase: "placing"; readonly attempt: number })
  | (Common & { readonly phase: "connecting"; readonly attempt: number; readonly ticket: Uint8Array })
  | (Common & { readonly phase: "greeting"; readonly attempt: number; readonly delivery: Delivery })
  | (Common & {
      readonly phase: "open";
      readonly attempt: number;
      readonly delivery: Delivery;
      readonly welcome: Welcome;
      readonly since: number;
      /** When the next heartbeat is due; one that is far off says that this device slept or its clock was set, not the server. */
      readonly beatAt: number;
      /** Silence counts from here at the earliest. */
      readonly judgedFrom: number;
      readonly pings: number;
      /** The highest number that a way to a server was given. */
      readonly issued: number;
      readonly move: Move | null;
      /** Whether the server has told this session to move: it may do so once. */
      readonly told: boolean;
    })
  | { readonly phase: "closed"; readonly attempt: number; readonly error: ErrorRecord | null };

export type Living = Exclude<ConnectionState, { phase: "closed" }>;
export type In<Phase extends ConnectionState["phase"]> = Extract<ConnectionState, { phase: Phase }>;

export type TimerName = "retry" | "greeting" | "beat";

export type ConnectionEvent =
  /** There is something to send. */
  | { readonly type: "need" }
  /** Deliveries are wanted, or no longer. */
  | { readonly type: "attach" }
  | { readonly type: "detach" }
  /** This session is of no more use; the next one is. */
  | { readonly type: "renew" }
  | { readonly type: "placed"; readonly attempt: number; readonly placement: Placement }
  | { readonly type: "connected"; readonly attempt: number }
  /** Placing or connecting failed, or the channel closed. */
  | {
      readonly type: "failed";
      readonly attempt: number;
      readonly error: ErrorRecord;
      readonly retryAfterMs?: number;
    }
  | {
      readonly type: "message";
      readonly attempt: number;
      readonly message: SessionMessage;
    }
  | { readonly type: "retry" }
  | { readonly type: "greeting" }
  /** `heardAt`, `spokeAt`: when the last frame came and went, in milliseconds since 1970. */
  | { readonly type: "beat"; readonly heardAt: number; readonly spokeAt: number }
  | { readonly type: "stop"; readonly error: ErrorRecord | null };

/** What the shell knows at the moment of an event. */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Drawn evenly from [0, 1). */
  readonly chance: number;
  /** Whether something waits to be sent. */
  readonly needed: boolean;
}

export type ConnectionEffect =
  | { readonly do: "place"; readonly attempt: number }
  | { readonly do: "connect"; readonly attempt: number; readonly server: Endpoint }
  | { readonly do: "say"; readonly attempt: number; readonly message: ClientMessage }
  /** `orderly`: what is queued still leaves. */
  | { readonly do: "hangUp"; readonly attempt: number; readonly orderly: boolean }
  | { readonly do: "setTimer"; readonly name: TimerName; readonly ms: number }
  | { readonly do: "cancelTimers" }
  | { readonly do: "opened"; readonly welcome: Welcome }
  | { readonly do: "live" }
  /** The session that was open is no more. */
  | { readonly do: "down" }
  | { readonly do: "closed"; readonly error: ErrorRecord | null }
  | { readonly do: "status"; readonly status: ConnectionStatus };

export interface Step {
  readonly state: ConnectionState;
  readonly effects: readonly ConnectionEffect[];
}
