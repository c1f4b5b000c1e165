/**
 * How a chat server leaves for good (PROTOCOL.md, "Views and homes"): nobody is placed there any more; once it is empty,
 * or after its time, a view without it is prepared in which it takes part; then it is stopped, and forgotten when it has
 * ended. Where it dies on the way it is gone, as any server that dies.
 */
import type { Incarnation, ServerId } from "../protocol/ids.js";
import { runningServers, type Draft, type Running, type State, type Thread } from "./state.js";

/** Whether a thread is not started again when it ends. */
export function isGoing({ assignment }: Thread): boolean {
  return assignment.is === "retiring" || assignment.is === "leaving";
}

export function retire(draft: Draft, thread: Thread): void {
  const { state, effects, now } = draft;
  const { life } = thread;
  thread.assignment = { is: "retiring", until: now + state.timeouts.drainMs };
  if (life.at === "resting" || life.at === "waiting") remove(draft, thread);
  else if (life.at === "starting") {
    // Nobody counts on it yet, and it has nothing to finish.
    effects.push({ type: "terminate", thread: thread.plan.id });
    thread.life = { at: "stopping", alone: { incarnation: null, by: now + state.timeouts.hungMs } };
  }
}

/** The balancer says that nobody is left on a server. */
export function emptied({ state, now }: Draft, id: ServerId, incarnation: Incarnation): void {
  for (const { plan, assignment, life } of state.threads) {
    if (plan.id !== id || life.at !== "running" || life.incarnation !== incarnation) continue;
    if (assignment.is === "retiring") assignment.until = Math.min(assignment.until, now);
  }
}

/** Called in each step: whoever is empty, or has had its time, leaves, unless nobody would be left. */
export function letLeave({ state, now }: Draft): void {
  if (state.stage.at !== "running") return;
  for (const thread of state.threads) {
    const { assignment, life } = thread;
    if (assignment.is !== "retiring" || life.at !== "running" || now < assignment.until) continue;
    if (runningServers(state).length - leavers(state).length > 1) thread.assignment = { is: "leaving" };
  }
}

export interface Leaver {
  readonly thread: Thread;
  readonly id: ServerId;
  readonly life: Running;
}

/** Servers that are in no view from now on, and were not told to stop yet. */
export function leavers({ threads }: State): Leaver[] {
  return threads.flatMap((thread) => {
    const { plan, assignment, life } = thread;
    return plan.kind === "chat" && assignment.is === "leaving" && life.at === "running"
      ? [{ thread, id: plan.id, life }]
      : [];
  });
}

/** The view without it holds: it has handed everything over. */
export function stopLeaver(
  { state, effects, now }: Draft,
  thread: Thread,
  { incarnation }: Pick<Running, "incarnation">,
): void {
  thread.life = { at: "stopping", alone: { incarnation, by: now + state.timeouts.stopMs } };
  effects.push({ type: "post", thread: thread.plan.id, message: { type: "stop" } });
}

/** It has ended, or was never there: nothing is left of it but the number of its starts. */
export function remove({ state, effects }: Draft, { plan, run }: Thread): void {
  state.removedRuns[plan.id] = run;
  state.threads = state.threads.filter((thread) => thread.plan.id !== plan.id);
  effects.push({
    type: "log",
    level: "info",
    fields: { of: plan.id },
    message: "a chat server was removed",
  });
}
