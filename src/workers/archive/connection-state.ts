/** What may happen on a connection to the archive, and when (PROTOCOL.md, "Archive"). No socket, no clock. */
import type { ArchiveRequest } from "../../protocol/archive.js";
import type { ErrorCode } from "../../protocol/errors.js";

/** A request that asks to be let in. */
export type AdmissionRequest = Extract<ArchiveRequest, { type: "create" | "open" }>;
/** A request that an open archive serves. */
export type ServedRequest = Exclude<ArchiveRequest, AdmissionRequest>;

export type ConnectionState =
  | { readonly at: "awaitingOpen"; readonly tries: number }
  /** A create or open is being decided. */
  | { readonly at: "opening"; readonly tries: number }
  /** `requests` are being served, which came in `bytes` bytes. */
  | { readonly at: "open"; readonly requests: number; readonly bytes: number }
  | { readonly at: "closed" };

export type ConnectionEvent =
  | { readonly type: "request"; readonly request: ArchiveRequest; readonly bytes: number }
  | { readonly type: "admitted" }
  | { readonly type: "refused" }
  /** A served request was answered; `bytes` is what it came in. */
  | { readonly type: "answered"; readonly bytes: number }
  /** The peer has had its time to open an archive. */
  | { readonly type: "helloOver" }
  /** What came cannot be read, or nothing came for too long. */
  | { readonly type: "giveUp" }
  | { readonly type: "closed" };

export type ConnectionEffect =
  | { readonly type: "admit"; readonly request: AdmissionRequest }
  | { readonly type: "serve"; readonly request: ServedRequest; readonly bytes: number }
  | { readonly type: "refuse"; readonly ref: number; readonly code: ErrorCode; readonly message: string }
  | { readonly type: "close" };

export interface Transition {
  readonly state: ConnectionState;
  readonly effects: readonly ConnectionEffect[];
}

/** How much of one connection may be under way; beyond it nothing more is read from the peer. */
export interface InFlightLimits {
  readonly requests: number;
  readonly bytes: number;
}

export const FRESH_CONNECTION: ConnectionState = { at: "awaitingOpen", tries: 0 };

/**
 * How often a connection may try to open or create: enough for a client that tries its token, the one after it and a
 * voucher, and nothing for one that guesses.
 */
const MAX_TRIES = 8;

export function transition(state: ConnectionState, event: ConnectionEvent): Transition {
  switch (event.type) {
    case "request":
      return onRequest(state, event.request, event.bytes);
    case "admitted":
      return state.at === "opening"
        ? { state: { at: "open", requests: 0, bytes: 0 }, effects: [] }
        : stay(state);
    case "refused":
      return state.at === "opening"
        ? { state: { at: "awaitingOpen", tries: state.tries }, effects: [] }
        : stay(state);
    case "answered":
      return state.at === "open"
        ? {
            state: { ...state, requests: state.requests - 1, bytes: state.bytes - event.bytes },
            effects: [],
          }
        : stay(state);
    case "helloOver":
      return state.at === "awaitingOpen" || state.at === "opening" ? close() : stay(state);
    case "giveUp":
      return state.at === "closed" ? stay(state) : close();
    case "closed":
      return { state: { at: "closed" }, effects: [] };
  }
}

/** Whether more shall be read from the peer. */
export function wantsMore(state: ConnectionState, limits: InFlightLimits): boolean {
  return state.at !== "open" || (state.requests < limits.requests && state.bytes < limits.bytes);
}

function onRequest(state: ConnectionState, request: ArchiveRequest, bytes: number): Transition {
  const { ref } = request;
  switch (state.at) {
    case "awaitingOpen":
      if (!isAdmission(request)) return close({ ref, code: "forbidden", message: "Open an archive first." });
      if (state.tries >= MAX_TRIES)
        return close({ ref, code: "tooMany", message: "Connect again to try again." });
      return {
        state: { at: "opening", tries: state.tries + 1 },
        effects: [{ type: "admit", request }],
      };
    case "opening":
      return close({ ref, code: "forbidden", message: "Wait until the archive is open." });
    case "open":
      if (isAdmission(request)) {
        const message = "An archive is open on this connection; use another one.";
        return { state, effects: [{ type: "refuse", ref, code: "badRequest", message }] };
      }
      return {
        state: { ...state, requests: state.requests + 1, bytes: state.bytes + bytes },
        effects: [{ type: "serve", request, bytes }],
      };
    case "closed":
      return stay(state);
  }
}

function isAdmission(request: ArchiveRequest): request is AdmissionRequest {
  return request.type === "create" || request.type === "open";
}

function stay(state: ConnectionState): Transition {
  return { state, effects: [] };
}

/** Closes, and says why where a request was at fault. */
function close(refusal?: {
  readonly ref: number;
  readonly code: ErrorCode;
  readonly message: string;
}): Transition {
  const effects: ConnectionEffect[] = [{ type: "close" }];
  if (refusal !== undefined) effects.unshift({ type: "refuse", ...refusal });
  return { state: { at: "closed" }, effects };
}
