/**
 * The connection to a chat server as a pure state machine (PROTOCOL.md, "Sessions"): place, connect, hello, welcome,
 * and live once everything that waited was delivered; a heartbeat while it is open, and the way back after a loss.
 * What becomes of one that is told to move stands in moving.ts. session.ts performs the effects.
 */
import { fromBase64Url } from "../../protocol/bytes.js";
import { isErrorCode, type ErrorCode, type ErrorRecord } from "../../protocol/errors.js";
import type { Placement } from "../../protocol/http.js";
import { RECONNECT, backoffMs } from "./backoff.js";
import type {
  ConnectionEffect,
  ConnectionEvent,
  ConnectionState,
  In,
  Living,
  Moment,
  Move,
  SessionMessage,
  Step,
  Welcome,
} from "./connection-state.js";
import {
  GREETING_MS,
  beginMove,
  carryOn,
  giveUpMove,
  greeting,
  moveConnected,
  movePlaced,
} from "./moving.js";

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
  if (state.phase === "open" && state.move !== null && "attempt" in event) {
    if (event.attempt === state.move.attempt) return onMove(state, state.move, event, moment);
  }
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
      if (state.phase === "open" && state.move?.step === "greeting") {
        return moveFailed(state, state.move, SILENT);
      }
      return state.phase === "greeting" ? lost(state, SILENT, moment) : stay(state);
    case "beat":
      return state.phase === "open" ? beat(state, event.heardAt, event.spokeAt, moment) : stay(state);
    case "stop":
      return closed(state, event.error, true);
  }
}

const SILENT: ErrorRecord = { code: "timeout", message: "The chat server did not answer the greeting." };

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

function placed(state: In<"placing">, { server, ticket: text }: Placement, moment: Moment): Step {
  const ticket = fromBase64Url(text);
  if (ticket === null) {
    return lost(state, { code: "badFrame", message: "The ticket is not of its form." }, moment);
  }
  const { attach, tries, attempt } = state;
  return {
    state: { phase: "connecting", attach, tries, attempt, ticket },
    effects: [{ do: "connect", attempt, server: { host: server.host, port: server.port } }],
  };
}

function greet({ attach, tries, attempt, ticket }: In<"connecting">): Step {
  return {
    state: { phase: "greeting", attach, tries, attempt, delivery: attach ? "catchingUp" : "none" },
    effects: greeting(attempt, ticket, attach),
  };
}

/** Of the way to the server where an open session is to go on. */
function onMove(
  state: In<"open">,
  move: Move,
  event: Extract<ConnectionEvent, { attempt: number }>,
  moment: Moment,
): Step {
  switch (event.type) {
    case "placed":
      return movePlaced(state, move, event.placement);
    case "connected":
      return moveConnected(state, move);
    case "failed":
      return moveFailed(state, move, event.error);
    case "message":
      if (event.message.type === "welcome" && move.step === "greeting") {
        return arrive(state, move, event.message, moment);
      }
      return moveFailed(
        state,
        move,
        event.message.type === "closing" ? closingRecord(event.message) : wrongTime(event.message),
      );
  }
}

/** What the balancer, or a server it named, says for good is so; what a chat server led to may be its own doing. */
function moveFailed(state: In<"open">, move: Move, error: ErrorRecord): Step {
  if (move.by === "balancer" && isFinal(error.code)) return closed(state, error, false);
  return giveUpMove(state, move);
}

/** The new session is open: it takes the place of the old one, which ends in good order. */
function arrive(
  state: In<"open">,
  { attempt, delivery }: Extract<Move, { step: "greeting" }>,
  welcome: Welcome,
  moment: Moment,
): Step {
  const { attach } = state;
  const tries = wasGood(state, moment) ? 0 : state.tries;
  const opened = open({ phase: "greeting", attach, tries, attempt, delivery }, welcome, moment);
  return {
    ...opened,
    effects: [{ do: "hangUp", attempt: state.attempt, orderly: true }, { do: "down" }, ...opened.effects],
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
      return lost(state, closingRecord(message), moment);
    case "move":
      return state.phase === "open" ? beginMove(state, message) : unexpected(state, message, moment);
  }
}

function unexpected(state: Living, message: SessionMessage, moment: Moment): Step {
  return onTheWay(state) ? lost(state, wrongTime(message), moment) : stay(state);
}

function closingRecord({ code, message }: Extract<SessionMessage, { type: "closing" }>): ErrorRecord {
  return { code: isErrorCode(code) ? code : "internal", message };
}

function wrongTime({ type }: SessionMessage): ErrorRecord {
  return { code: "badFrame", message: `The chat server said "${type}" at the wrong time.` };
}

function open(state: In<"greeting">, welcome: Welcome, { now }: Moment): Step {
  const { attempt } = state;
  const beatMs = beatMsOf(welcome);
  const late = state.attach && state.delivery === "none";
  const attachment: ConnectionEffect[] = late ? [{ do: "say", attempt, message: { type: "attach" } }] : [];
  return {
    state: {
      phase: "open",
      attach: state.attach,
      tries: state.tries,
      attempt,
      delivery: late ? "catchingUp" : state.delivery,
      welcome,
      since: now,
      beatAt: now + beatMs,
      judgedFrom: now,
      pings: 0,
      issued: attempt,
      move: null,
      told: false,
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
  const { attempt } = state;
  const ping: ConnectionEffect[] = quiet
    ? [{ do: "say", attempt, message: { type: "ping", ref: state.pings % 0xffffffff } }]
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
      effects: [{ do: "say", attempt: state.attempt, message: { type: "attach" } }],
    };
  }
  return stay({ ...state, attach: true });
}

/** A session cannot be told to stop delivering: it ends, and the next one does not ask for deliveries. */
function detach(state: Living): Step {
  const { tries } = state;
  const idle = { phase: "idle", attach: false, tries, attempt: latest(state) } as const;
  if (state.phase === "open" && state.delivery !== "none") {
    return {
      state: idle,
      effects: [{ do: "cancelTimers" }, ...hangUps(state, true), { do: "down" }],
    };
  }
  if (state.phase === "greeting" && state.delivery !== "none") {
    // Back to the start by way of the timer: whoever still has something to send is asked then.
    return {
      state: { ...idle, phase: "waiting" },
      effects: [{ do: "cancelTimers" }, ...hangUps(state, true), { do: "setTimer", name: "retry", ms: 0 }],
    };
  }
  return stay({ ...state, attach: false });
}

/** Ends the session in good order; the pause keeps a sender from hammering at whoever is full. */
function renew(state: In<"open">, { chance }: Moment): Step {
  const { attach, tries, issued } = state;
  return {
    state: { phase: "waiting", attach, tries, attempt: issued },
    effects: [
      { do: "cancelTimers" },
      ...hangUps(state, true),
      { do: "setTimer", name: "retry", ms: backoffMs(1, chance, RECONNECT) },
      { do: "down" },
    ],
  };
}

function lost(state: Living, error: ErrorRecord, moment: Moment, retryAfterMs = 0): Step {
  if (isFinal(error.code)) return closed(state, error, false);
  const tries = state.phase === "open" && wasGood(state, moment) ? 1 : state.tries + 1;
  if (state.phase === "open" && state.move !== null) return goOn({ ...state, tries }, state.move);
  const ms = retryAfterMs + backoffMs(tries, moment.chance, RECONNECT);
  return {
    state: { phase: "waiting", attach: state.attach, tries, attempt: latest(state) },
    effects: [
      { do: "cancelTimers" },
      ...hangUps(state, false),
      { do: "setTimer", name: "retry", ms },
      { do: "status", status: { kind: "offline", error, retryMs: ms } },
      ...(state.phase === "open" ? [{ do: "down" } as const] : []),
    ],
  };
}

/** Lost, and on the way to another server already. */
function goOn(state: In<"open">, move: Move): Step {
  return {
    state: carryOn(state, move),
    effects: [
      { do: "cancelTimers" },
      { do: "hangUp", attempt: state.attempt, orderly: false },
      ...(move.step === "greeting" ? [{ do: "setTimer", name: "greeting", ms: GREETING_MS } as const] : []),
      { do: "status", status: { kind: "connecting" } },
      { do: "down" },
    ],
  };
}

function wasGood({ since }: In<"open">, { now }: Moment): boolean {
  return now - since >= STABLE_MS;
}

/** The highest number that a way to a server was given. */
function latest(state: Living): number {
  return state.phase === "open" ? state.issued : state.attempt;
}

/** Ends the connection that there is, and the one that comes about beside it. */
function hangUps(state: Living, orderly: boolean): ConnectionEffect[] {
  const coming = state.phase === "open" ? state.move : null;
  return [
    { do: "hangUp", attempt: state.attempt, orderly },
    ...(coming === null ? [] : [{ do: "hangUp", attempt: coming.attempt, orderly: false } as const]),
  ];
}

function closed(state: Living, error: ErrorRecord | null, orderly: boolean): Step {
  return {
    state: { phase: "closed", attempt: latest(state), error },
    effects: [
      { do: "cancelTimers" },
      ...hangUps(state, orderly),
      ...(state.phase === "open" ? [{ do: "down" } as const] : []),
      { do: "status", status: { kind: "closed", error } },
      { do: "closed", error },
    ],
  };
}
