/**
 * The connection to a chat server as a pure state machine (PROTOCOL.md, "Sessions"): place, connect, hello, welcome,
 * and live once everything that waited was delivered; a heartbeat while it is open, and the way back after a loss.
 * session.ts performs its effects.
 */
import { PROTOCOL_VERSION, type ClientMessage, type ServerMessage } from "../../protocol/chat.js";
import { fromBase64Url } from "../../protocol/bytes.js";
import { isErrorCode, type ErrorCode, type ErrorRecord } from "../../protocol/errors.js";
import type { Placement } from "../../protocol/http.js";
import { RECONNECT, backoffMs } from "./backoff.js";
import type { ConnectionStatus } from "./messages.js";

export type Welcome = Extract<ServerMessage, { type: "welcome" }>;
/** What the server says of the session itself. */
export type SessionMessage = Extract<ServerMessage, { type: "welcome" | "live" | "closing" }>;

/** How far a session has come with deliveries. */
type Delivery = "none" | "catchingUp" | "live";

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
    })
  | { readonly phase: "closed"; readonly attempt: number; readonly error: ErrorRecord | null };

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
  | { readonly do: "connect"; readonly attempt: number; readonly placement: Placement }
  | { readonly do: "say"; readonly message: ClientMessage }
  /** `orderly`: what is queued still leaves. */
  | { readonly do: "hangUp"; readonly orderly: boolean }
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

/** How long the server may take to answer `hello`, in milliseconds. */
export const GREETING_MS = 10_000;
/** A session that lived this long was a good one: the next failure is the first in a row again. */
export const STABLE_MS = 5_000;
/** Heartbeats in the time after which silence means death. */
const BEATS_PER_IDLE = 4;

/** Failures that another try cannot mend. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  "notSignedIn",
  "suspended",
  "badVersion",
  "pinMismatch",
  "forbidden",
]);

export function isFinal(code: ErrorCode): boolean {
  return FINAL.has(code);
}

export const START: ConnectionState = { phase: "idle", attach: false, tries: 0, attempt: 0 };

/** The transition function: no clock, no chance and no socket but what `moment` tells. */
export function step(state: ConnectionState, event: ConnectionEvent, moment: Moment): Step {
  if (state.phase === "closed") return stay(state);
  switch (event.type) {
    case "need":
      return state.phase === "idle" ? place(state) : stay(state);
    case "attach":
      return attach(state);
    case "detach":
      return detach(state);
    case "renew":
      return state.phase === "open" ? renew(state, moment) : stay(state);
    case "placed":
      return state.phase === "placing" && event.attempt === state.attempt
        ? placed(state, event.placement, moment)
        : stay(state);
    case "connected":
      return state.phase === "connecting" && event.attempt === state.attempt ? greet(state) : stay(state);
    case "failed":
      return onTheWay(state) && event.attempt === state.attempt
        ? lost(state, event.error, moment, event.retryAfterMs)
        : stay(state);
    case "message":
      return event.attempt === state.attempt ? onMessage(state, event.message, moment) : stay(state);
    case "retry":
      if (state.phase !== "waiting") return stay(state);
      return state.attach || moment.needed ? place(state) : stay({ ...state, phase: "idle" });
    case "greeting":
      if (state.phase !== "greeting") return stay(state);
      return lost(
        state,
        { code: "timeout", message: "The chat server did not answer the greeting." },
        moment,
      );
    case "beat":
      return state.phase === "open" ? beat(state, event.heardAt, event.spokeAt, moment) : stay(state);
    case "stop":
      return closed(state, event.error, true);
  }
}

type Living = Exclude<ConnectionState, { phase: "closed" }>;
type In<Phase extends ConnectionState["phase"]> = Extract<ConnectionState, { phase: Phase }>;

function stay(state: ConnectionState): Step {
  return { state, effects: [] };
}

function onTheWay(state: Living): boolean {
  return state.phase !== "idle" && state.phase !== "waiting";
}

function place({ attach, tries, attempt }: Living): Step {
  const next = attempt + 1;
  return {
    state: { phase: "placing", attach, tries, attempt: next },
    effects: [
      { do: "status", status: { kind: "connecting" } },
      { do: "place", attempt: next },
    ],
  };
}

function placed(state: In<"placing">, placement: Placement, moment: Moment): Step {
  const ticket = fromBase64Url(placement.ticket);
  if (ticket === null) {
    return lost(state, { code: "badFrame", message: "The ticket is not of its form." }, moment);
  }
  const { attach, tries, attempt } = state;
  return {
    state: { phase: "connecting", attach, tries, attempt, ticket },
    effects: [{ do: "connect", attempt, placement }],
  };
}

function greet({ attach, tries, attempt, ticket }: In<"connecting">): Step {
  return {
    state: { phase: "greeting", attach, tries, attempt, delivery: attach ? "catchingUp" : "none" },
    effects: [
      { do: "say", message: { type: "hello", version: PROTOCOL_VERSION, ticket, attach } },
      { do: "setTimer", name: "greeting", ms: GREETING_MS },
    ],
  };
}

function onMessage(state: Living, message: SessionMessage, moment: Moment): Step {
  switch (message.type) {
    case "welcome":
      return state.phase === "greeting" ? open(state, message, moment) : unexpected(state, message, moment);
    case "live":
      if (state.phase !== "open" || state.delivery === "none") return unexpected(state, message, moment);
      return {
        state: { ...state, delivery: "live" },
        effects: [{ do: "live" }, { do: "status", status: { kind: "live", server: state.welcome.server } }],
      };
    case "closing":
      if (!onTheWay(state)) return stay(state);
      return lost(
        state,
        { code: isErrorCode(message.code) ? message.code : "internal", message: message.message },
        moment,
      );
  }
}

function unexpected(state: Living, message: { readonly type: string }, moment: Moment): Step {
  if (!onTheWay(state)) return stay(state);
  return lost(
    state,
    { code: "badFrame", message: `The chat server said "${message.type}" at the wrong time.` },
    moment,
  );
}

function open(state: In<"greeting">, welcome: Welcome, { now }: Moment): Step {
  const beatMs = beatMsOf(welcome);
  const late = state.attach && state.delivery === "none";
  const attachment: ConnectionEffect[] = late ? [{ do: "say", message: { type: "attach" } }] : [];
  return {
    state: {
      phase: "open",
      attach: state.attach,
      tries: state.tries,
      attempt: state.attempt,
      delivery: late ? "catchingUp" : state.delivery,
      welcome,
      since: now,
      beatAt: now + beatMs,
      judgedFrom: now,
      pings: 0,
    },
    effects: [
      { do: "cancelTimers" },
      { do: "setTimer", name: "beat", ms: beatMs },
      ...attachment,
      { do: "status", status: { kind: "connected", server: welcome.server } },
      { do: "opened", welcome },
    ],
  };
}

function beatMsOf({ idleMs }: Welcome): number {
  return Math.max(50, Math.floor(idleMs / BEATS_PER_IDLE));
}

/** Pings after a quiet spell in either direction, since either side counts silence; hangs up after a long one. */
function beat(state: In<"open">, heardAt: number, spokeAt: number, moment: Moment): Step {
  const { now } = moment;
  const beatMs = beatMsOf(state.welcome);
  // Far too late or far too early: the device slept, or somebody set its clock.
  const farOff = 2 * beatMs;
  const judgedFrom = Math.abs(now - state.beatAt) > farOff ? now : state.judgedFrom;
  // What lies in the future was heard before the clock was set back, and says nothing.
  const silence = now - Math.max(heardAt - now > farOff ? judgedFrom : heardAt, judgedFrom);
  if (silence >= state.welcome.idleMs) {
    return lost(state, { code: "timeout", message: "The chat server fell silent." }, moment);
  }
  const quiet = now - heardAt >= beatMs || now - spokeAt >= beatMs || spokeAt - now > farOff;
  const ping: ConnectionEffect[] = quiet
    ? [{ do: "say", message: { type: "ping", ref: state.pings % 0xffffffff } }]
    : [];
  return {
    state: { ...state, beatAt: now + beatMs, judgedFrom, pings: state.pings + ping.length },
    effects: [...ping, { do: "setTimer", name: "beat", ms: beatMs }],
  };
}

function attach(state: Living): Step {
  if (state.phase === "idle") return place({ ...state, attach: true });
  if (state.phase === "open" && state.delivery === "none") {
    return {
      state: { ...state, attach: true, delivery: "catchingUp" },
      effects: [{ do: "say", message: { type: "attach" } }],
    };
  }
  return stay({ ...state, attach: true });
}

/** A session cannot be told to stop delivering: it ends, and the next one does not ask for deliveries. */
function detach(state: Living): Step {
  const { tries, attempt } = state;
  const idle = { phase: "idle", attach: false, tries, attempt } as const;
  if (state.phase === "open" && state.delivery !== "none") {
    return {
      state: idle,
      effects: [{ do: "cancelTimers" }, { do: "hangUp", orderly: true }, { do: "down" }],
    };
  }
  if (state.phase === "greeting" && state.delivery !== "none") {
    // Back to the start by way of the timer: whoever still has something to send is asked then.
    return {
      state: { ...idle, phase: "waiting" },
      effects: [
        { do: "cancelTimers" },
        { do: "hangUp", orderly: true },
        { do: "setTimer", name: "retry", ms: 0 },
      ],
    };
  }
  return stay({ ...state, attach: false });
}

/** Ends the session in good order; the pause keeps a sender from hammering at whoever is full. */
function renew({ attach, tries, attempt }: In<"open">, { chance }: Moment): Step {
  return {
    state: { phase: "waiting", attach, tries, attempt },
    effects: [
      { do: "cancelTimers" },
      { do: "hangUp", orderly: true },
      { do: "setTimer", name: "retry", ms: backoffMs(1, chance, RECONNECT) },
      { do: "down" },
    ],
  };
}

function lost(state: Living, error: ErrorRecord, moment: Moment, retryAfterMs = 0): Step {
  if (isFinal(error.code)) return closed(state, error, false);
  const good = state.phase === "open" && moment.now - state.since >= STABLE_MS;
  const tries = good ? 1 : state.tries + 1;
  const ms = retryAfterMs + backoffMs(tries, moment.chance, RECONNECT);
  return {
    state: { phase: "waiting", attach: state.attach, tries, attempt: state.attempt },
    effects: [
      { do: "cancelTimers" },
      { do: "hangUp", orderly: false },
      { do: "setTimer", name: "retry", ms },
      { do: "status", status: { kind: "offline", error, retryMs: ms } },
      ...(state.phase === "open" ? [{ do: "down" } as const] : []),
    ],
  };
}

function closed(state: Living, error: ErrorRecord | null, orderly: boolean): Step {
  return {
    state: { phase: "closed", attempt: state.attempt, error },
    effects: [
      { do: "cancelTimers" },
      { do: "hangUp", orderly },
      ...(state.phase === "open" ? [{ do: "down" } as const] : []),
      { do: "status", status: { kind: "closed", error } },
      { do: "closed", error },
    ],
  };
}
