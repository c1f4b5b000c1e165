/** The supervisor's part in views (PROTOCOL.md, "Views and homes"): number the set of live servers, prepare, activate. */
import type { ServerId } from "../protocol/ids.js";
import type { ViewMember } from "../protocol/view.js";
import { leavers, stopLeaver } from "./leaving.js";
import { runningServers, type Draft, type State, type Thread } from "./state.js";

/** Called after each step: however many came and went in it, they make one view. */
export function goOnWithViews(draft: Draft): void {
  const { state } = draft;
  if (state.stage.at === "stopping" || state.stage.at === "finished") return;
  const members = membersOf(state);
  if (!isSame(members, state.view.members)) beginView(draft, members);
  else if (state.preparing?.waiting.length === 0) activate(draft);
}

/** A server has answered `prepare`, or is no more and has nothing to answer. */
export function serverPrepared({ preparing }: State, server: ServerId): void {
  if (preparing === null) return;
  preparing.waiting = preparing.waiting.filter((id) => id !== server);
}

/**
 * Begins the next view. One that was being prepared is given up: what its servers did for it they have done for this
 * one. Servers that leave take part: all their mailboxes move away.
 */
function beginView({ state, effects, now }: Draft, members: ViewMember[]): void {
  // The first view has all servers that were asked for: accounts would move between homes for nothing.
  if (state.stage.at !== "running" && state.threads.some(isUnproven)) return;
  state.view = { number: state.view.number + 1, members };
  const waiting = [...members.map(({ id }) => id), ...leavers(state).map(({ id }) => id)];
  state.preparing = members.length === 0 ? null : { waiting, by: now + state.timeouts.prepareMs };
  for (const id of state.preparing?.waiting ?? []) {
    effects.push({ type: "post", thread: id, message: { type: "prepare", view: state.view } });
  }
}

function activate(draft: Draft): void {
  const { state, effects } = draft;
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
  for (const { thread, life } of leavers(state)) stopLeaver(draft, thread, life);
}

function membersOf(state: State): ViewMember[] {
  const leaving = new Set(leavers(state).map(({ id }) => id));
  return runningServers(state)
    .filter(({ id }) => !leaving.has(id))
    .map(({ id, incarnation }) => ({ id, incarnation }));
}

function isUnproven({ plan, proven }: Thread): boolean {
  return plan.kind === "chat" && !proven;
}

function isSame(some: readonly ViewMember[], others: readonly ViewMember[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ id, incarnation }, index) => {
      const other = others[index];
      return other?.id === id && other.incarnation === incarnation;
    })
  );
}
