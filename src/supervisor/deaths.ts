/** How threads end that were not asked to, and what becomes of them. */
import type { ErrorRecord } from "../protocol/errors.js";
import type { Incarnation } from "../protocol/ids.js";
import { forget } from "./acquaintance.js";
import { restDelay } from "./backoff.js";
import { isGoing, remove } from "./leaving.js";
import type { Draft, Dying, Life, Thread } from "./state.js";
import { beginStop, goOnStopping } from "./stopping.js";
import { serverPrepared } from "./views.js";

/** Starts of an added server that never became ready: after so many it is given up. */
const MOST_STARTS = 5;

/** A thread is no more. */
export function exited(draft: Draft, thread: Thread, reason: string | null): void {
  const { state } = draft;
  const { life } = thread;
  if (life.at === "waiting" || life.at === "resting" || life.at === "ended") return;
  if (state.stage.at === "stopping" || state.stage.at === "finished") {
    thread.life = { at: "ended" };
    goOnStopping(draft);
    return;
  }
  const why = thread.failure?.message ?? reason ?? "it ended without a reason";
  const asked = life.at === "stopping";
  if (life.at !== "dying") isDead(draft, thread, why, { by: Infinity, terminated: false });
  if (isGoing(thread)) {
    if (!asked) tellWhyGone(draft, thread, why);
    remove(draft, thread);
  } else if (thread.proven) rest(draft, thread, why);
  else if (thread.added) restOrGiveUp(draft, thread, why);
  else {
    thread.life = { at: "ended" };
    goOnStopping(draft);
  }
}

function deathAtStart({ plan, failure }: Thread, why: string): ErrorRecord {
  if (failure?.code === "timeout") return { ...failure, message: `The thread "${plan.id}" hangs: ${why}.` };
  if (failure !== null && failure.code !== "internal") return failure;
  return { code: "internal", message: `The thread "${plan.id}" ended before it was ready: ${why}` };
}

/**
 * Nobody counts on a thread any more. Others are told; and where it never worked the system stops, since trying again
 * would hide from people what they must mend. One that was added while the system ran is no reason for that.
 *
 * @param why it died
 * @param dying what is next if it does not end by itself
 */
export function isDead(draft: Draft, thread: Thread, why: string, dying: Omit<Dying, "at">): void {
  const { plan, life, proven, added } = thread;
  thread.life = { at: "dying", ...dying };
  if (life.at === "running" && draft.now - life.since >= draft.state.timeouts.restartMaxMs) thread.tries = 0;
  const incarnation = knownIncarnation(life);
  if (plan.kind === "chat" && incarnation !== null) {
    forget(draft, { id: plan.id, incarnation });
    serverPrepared(draft.state, plan.id);
  }
  if (!proven && !added) beginStop(draft, deathAtStart(thread, why));
}

/** By which others know it. */
function knownIncarnation(life: Life): Incarnation | null {
  if (life.at === "running") return life.incarnation;
  return life.at === "stopping" ? (life.alone?.incarnation ?? null) : null;
}

/** Ends a thread that may be alive but is of no use. */
export function kill(draft: Draft, thread: Thread, why: string): void {
  draft.effects.push({ type: "terminate", thread: thread.plan.id });
  thread.failure = { code: "timeout", message: why };
  isDead(draft, thread, why, { by: draft.now + draft.state.timeouts.hungMs, terminated: true });
}

/** Nobody can end a thread in a call of the system that does not return, as on a disk that hangs. */
export function tellThatItStays({ state, effects }: Draft, { plan, failure }: Thread, life: Dying): void {
  life.by = Infinity;
  // While the system stops its wave is given up in its time, and the process ends.
  if (state.stage.at === "stopping") return;
  effects.push({
    type: "log",
    level: "error",
    fields: { of: plan.id, why: failure?.message },
    message: "a thread does not end, and so is not started again: restart the process",
  });
}

function rest(draft: Draft, thread: Thread, why: string): void {
  const { restartMinMs, restartMaxMs } = draft.state.timeouts;
  const inMs = restDelay(thread.tries, restartMinMs, restartMaxMs);
  thread.tries++;
  thread.life = { at: "resting", until: draft.now + inMs };
  // One that cannot start for a while, as on a full disk, is told of once.
  const told = thread.toldWhy === why && thread.tries > 1;
  thread.toldWhy = why;
  draft.effects.push({
    type: "log",
    level: told ? "debug" : "error",
    fields: { of: thread.plan.id, why, startsInMs: inMs },
    message: "a thread died and will be started again",
  });
}

/** Of a server that was added: what it needs may not be there, and the others do without it. */
function restOrGiveUp(draft: Draft, thread: Thread, why: string): void {
  // Its port may belong to somebody else. Clients are told where it listens.
  if (thread.failure?.code === "portInUse") thread.plan = { ...thread.plan, port: 0 };
  thread.port = thread.plan.port;
  if (thread.run - thread.earlierRuns < MOST_STARTS) {
    rest(draft, thread, why);
    return;
  }
  draft.effects.push({
    type: "log",
    level: "error",
    fields: { of: thread.plan.id, why, tries: MOST_STARTS },
    message: "a chat server that was added never became ready, and is given up",
  });
  remove(draft, thread);
}

function tellWhyGone({ effects }: Draft, { plan }: Thread, why: string): void {
  effects.push({
    type: "log",
    level: "warn",
    fields: { of: plan.id, why },
    message: "a chat server died that was to be removed",
  });
}
