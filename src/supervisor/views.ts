/** The supervisor's part in views (PROTOCOL.md, "Views and homes"): number the set of live servers, prepare, activate. */
import type { ServerId } from "../protocol/ids.js";
import { runningServers, type Draft } from "./state.js";

/**
 * Begins the next view, of the servers that run now. One that was being prepared is given up: what its servers did for
 * it they have done for this one.
 */
export function beginView({ state, effects, now }: Draft): void {
  if (state.stage.at === "stopping" || state.stage.at === "finished") return;
  // The first view has all servers that were asked for: accounts would move between homes for nothing.
  if (state.threads.some(({ plan, proven }) => plan.kind === "chat" && !proven)) return;
  const members = runningServers(state).map(({ id, incarnation }) => ({ id, incarnation }));
  state.view = { number: state.view.number + 1, members };
  state.preparing =
    members.length === 0
      ? null
      : { waiting: members.map(({ id }) => id), by: now + state.timeouts.prepareMs };
  for (const { id } of members) {
    effects.push({ type: "post", thread: id, message: { type: "prepare", view: state.view } });
  }
}

export function serverPrepared({ state, effects }: Draft, server: ServerId, view: number): void {
  const { preparing } = state;
  if (preparing === null || view !== state.view.number) return;
  preparing.waiting = preparing.waiting.filter((id) => id !== server);
  if (preparing.waiting.length > 0) return;
  state.preparing = null;
  for (const { id } of state.view.members) {
    effects.push({ type: "post", thread: id, message: { type: "activate", view: state.view } });
  }
  effects.push({
    type: "log",
    level: "info",
    fields: { view: state.view.number, servers: state.view.members.map(({ id }) => id) },
    message: "the servers share the accounts anew",
  });
}
