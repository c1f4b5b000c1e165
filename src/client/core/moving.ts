/**
 * What becomes of an open session that is told to go on at another server (PROTOCOL.md, "Moving"). The new session is
 * opened first and the old one left then: until the new server's welcome everything goes on in the old session, from
 * then on everything goes in the new one, as after a loss. So at each moment numbers, window and acknowledgements
 * belong to one session, and nobody waits for a handshake.
 */
import { fromBase64Url } from "../../protocol/bytes.js";
import { PROTOCOL_VERSION } from "../../protocol/chat.js";
import type { Placement } from "../../protocol/http.js";
import type { ConnectionEffect, ConnectionState, In, Move, MoveMessage, Step } from "./connection-state.js";

/** How long the server may take to answer `hello`, in milliseconds. */
export const GREETING_MS = 10_000;

/**
 * The server says where to go. Once a session: one that could name address after address would have a client knock
 * at all of them.
 */
export function beginMove(state: In<"open">, { host, port, ticket }: MoveMessage): Step {
  if (state.told) return { state, effects: [] };
  const attempt = state.issued + 1;
  return {
    state: {
      ...state,
      told: true,
      issued: attempt,
      move: { attempt, by: "server", step: "connecting", ticket },
    },
    effects: [{ do: "connect", attempt, server: { host, port } }],
  };
}

/** The balancer has named another server than the one that could not be reached. */
export function movePlaced(state: In<"open">, move: Move, { server, ticket: text }: Placement): Step {
  const ticket = fromBase64Url(text);
  if (move.step !== "placing" || ticket === null) return giveUpMove(state, move);
  const { attempt, by } = move;
  return {
    state: { ...state, move: { attempt, by, step: "connecting", ticket } },
    effects: [{ do: "connect", attempt, server: { host: server.host, port: server.port } }],
  };
}

export function moveConnected(state: In<"open">, move: Move): Step {
  if (move.step !== "connecting") return { state, effects: [] };
  const { attempt, by, ticket } = move;
  const { attach } = state;
  return {
    state: { ...state, move: { attempt, by, step: "greeting", delivery: attach ? "catchingUp" : "none" } },
    effects: greeting(attempt, ticket, attach),
  };
}

/**
 * It cannot get there. The balancer is asked once for another server; after that the session stays where it is until
 * its server ends it, and then comes back like any other.
 */
export function giveUpMove(state: In<"open">, move: Move): Step {
  const left: ConnectionEffect = { do: "hangUp", attempt: move.attempt, orderly: false };
  if (move.by === "balancer") return { state: { ...state, move: null }, effects: [left] };
  const attempt = state.issued + 1;
  return {
    state: { ...state, issued: attempt, move: { attempt, by: "balancer", step: "placing" } },
    effects: [left, { do: "place", attempt }],
  };
}

/** The session was lost on the way: the way goes on, as that of somebody who has none. */
export function carryOn({ attach, tries }: In<"open">, move: Move): ConnectionState {
  const { attempt } = move;
  switch (move.step) {
    case "placing":
      return { phase: "placing", attach, tries, attempt };
    case "connecting":
      return { phase: "connecting", attach, tries, attempt, ticket: move.ticket };
    case "greeting":
      return { phase: "greeting", attach, tries, attempt, delivery: move.delivery };
  }
}

/** Shows the ticket, as the first thing that is said. */
export function greeting(attempt: number, ticket: Uint8Array, attach: boolean): ConnectionEffect[] {
  return [
    { do: "say", attempt, message: { type: "hello", version: PROTOCOL_VERSION, ticket, attach } },
    { do: "setTimer", name: "greeting", ms: GREETING_MS },
  ];
}
