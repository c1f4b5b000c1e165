/** The supervisor's state machine: pure, so that its stories can be told without a thread or a clock. */
import type { ErrorRecord } from "../protocol/errors.js";
import { acquaint, forget } from "./acquaintance.js";
import { restDelay } from "./backoff.js";
import {
  runningThread,
  type Draft,
  type Dying,
  type Effect,
  type Event,
  type Running,
  type State,
  type Thread,
  type ThreadEvent,
} from "./state.js";
import { beginStop, giveUpWave, goOnStopping, stopDeadline } from "./stopping.js";
import { beginView, serverPrepared } from "./views.js";

/** How long a thread that said why it cannot go on may take to end by itself, in milliseconds. */
const LAST_WORDS_MS = 500;

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/**
 * One step.
 *
 * @returns the next state, which asks to be woken at its `wakeAt`, and what is to be done, in order
 */
export function step(before: DeepReadonly<State>, event: Event): { state: State; effects: Effect[] } {
  const draft: Draft = {
    state: structuredClone(before) as State,
    effects: [],
    now: event.now,
    membersChanged: false,
  };
  take(draft, event);
  // However many came and went in this step, they make one view.
  if (draft.membersChanged) beginView(draft);
  announceOnceComplete(draft);
  draft.state.wakeAt = nextDeadline(draft.state);
  return draft;
}

function take(draft: Draft, event: Event): void {
  const { state, effects, now } = draft;
  switch (event.type) {
    case "begin":
      state.heartbeatAt = now + state.timeouts.heartbeatMs;
      startKinds(draft, ["database"]);
      migrateOnceDatabasesRun(draft);
      return;
    case "migrated":
      if (state.stage.at !== "migrating") return;
      state.stage = { at: "threads" };
      startKinds(draft, ["archive", "chat", "balancer"]);
      return;
    case "giveUp":
      beginStop(draft, event.error);
      return;
    case "stop":
      effects.push({ type: "log", level: "info", fields: {}, message: "stopping" });
      beginStop(draft, null);
      return;
    case "wake":
      wake(draft);
      return;
    default: {
      const thread = state.threads.find(({ plan }) => plan.id === event.thread);
      if (thread?.run === event.run) takeFromThread(draft, thread, event);
    }
  }
}

function takeFromThread(draft: Draft, thread: Thread, event: ThreadEvent): void {
  const { now } = draft;
  switch (event.type) {
    case "ready":
      if (thread.life.at !== "starting") return;
      thread.proven = true;
      thread.port = event.listening?.port ?? 0;
      thread.life = {
        at: "running",
        since: now,
        heardAt: now,
        statements: { count: 0, since: now },
        listening: event.listening,
        incarnation: event.incarnation,
      };
      tellReturn(draft, thread);
      acquaint(draft, thread);
      migrateOnceDatabasesRun(draft);
      return;
    case "pong":
      if (thread.life.at === "running") thread.life.heardAt = now;
      return;
    case "counted":
      if (thread.life.at === "running") hearStatements(draft, thread.life, event.statements);
      return;
    case "prepared":
      if (thread.plan.kind === "chat" && thread.life.at === "running") {
        serverPrepared(draft, thread.plan.id, event.view);
      }
      return;
    case "trouble":
      if (thread.life.at === "running") thread.trouble = event.trouble;
      return;
    case "failed":
      if (thread.life.at !== "starting" && thread.life.at !== "running") return;
      thread.failure = event.error;
      // Any free port was asked for, and somebody took the one it had: clients are told where it listens now. The
      // balancer's they know by heart.
      if (event.error.code === "portInUse" && thread.plan.port === 0 && thread.plan.kind !== "balancer") {
        thread.port = 0;
      }
      // It ends by itself, once it has said its last; unless what it began keeps it.
      isDead(draft, thread, event.error.message, { by: now + LAST_WORDS_MS, terminated: false });
      return;
    case "order":
    case "emptied":
      return;
    case "exited":
      exited(draft, thread, event.reason);
  }
}

/** A database that computes cannot answer, and is not hung for that; unless one statement takes far too long. */
function hearStatements({ state, now }: Draft, life: Running, count: number): void {
  if (count !== life.statements.count) life.statements = { count, since: now };
  else if (!isInStatement(life) || now - life.statements.since >= state.timeouts.statementMs) return;
  life.heardAt = now;
}

function isInStatement({ statements }: Running): boolean {
  return statements.count % 2 !== 0;
}

function exited(draft: Draft, thread: Thread, reason: string | null): void {
  const { state } = draft;
  switch (thread.life.at) {
    case "waiting":
    case "resting":
    case "ended":
      return;
    case "stopping":
      thread.life = { at: "ended" };
      goOnStopping(draft);
      return;
    case "dying":
    case "starting":
    case "running":
      break;
  }
  const why = thread.failure?.message ?? reason ?? "it ended without a reason";
  if (state.stage.at === "stopping" || state.stage.at === "finished") {
    thread.life = { at: "ended" };
    goOnStopping(draft);
    return;
  }
  if (thread.life.at !== "dying") isDead(draft, thread, why, { by: Infinity, terminated: false });
  if (thread.proven) rest(draft, thread, why);
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
 * would hide from people what they must mend.
 *
 * @param why it died
 * @param dying what is next if it does not end by itself
 */
function isDead(draft: Draft, thread: Thread, why: string, dying: Omit<Dying, "at">): void {
  const { plan, life, proven } = thread;
  thread.life = { at: "dying", ...dying };
  if (life.at === "running") {
    if (draft.now - life.since >= draft.state.timeouts.restartMaxMs) thread.tries = 0;
    if (plan.kind === "chat") forget(draft, { id: plan.id, incarnation: life.incarnation });
  }
  if (!proven) beginStop(draft, deathAtStart(thread, why));
}

/** Ends a thread that may be alive but is of no use. */
function kill(draft: Draft, thread: Thread, why: string): void {
  draft.effects.push({ type: "terminate", thread: thread.plan.id });
  thread.failure = { code: "timeout", message: why };
  isDead(draft, thread, why, { by: draft.now + draft.state.timeouts.hungMs, terminated: true });
}

/** Nobody can end a thread in a call of the system that does not return, as on a disk that hangs. */
function tellThatItStays({ state, effects }: Draft, { plan, failure }: Thread, life: Dying): void {
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

function tellReturn({ effects }: Draft, { plan, tries }: Thread): void {
  if (tries === 0) return;
  effects.push({
    type: "log",
    level: "info",
    fields: { of: plan.id, tries },
    message: "a thread that died is back",
  });
}

function start({ state, effects, now }: Draft, thread: Thread): void {
  thread.run++;
  thread.failure = null;
  thread.trouble = null;
  thread.life = { at: "starting", startBy: now + state.timeouts.startMs };
  effects.push({ type: "spawn", thread: thread.plan.id, run: thread.run, port: thread.port });
}

function startKinds(draft: Draft, kinds: readonly Thread["plan"]["kind"][]): void {
  for (const thread of draft.state.threads) {
    if (kinds.includes(thread.plan.kind) && thread.life.at === "waiting") start(draft, thread);
  }
}

function migrateOnceDatabasesRun({ state, effects }: Draft): void {
  const databases = state.threads.filter(({ plan }) => plan.kind === "database");
  if (state.stage.at !== "databases" || databases.some(({ life }) => life.at !== "running")) return;
  state.stage = { at: "migrating" };
  effects.push({ type: "migrate" });
}

function announceOnceComplete({ state, effects }: Draft): void {
  if (state.stage.at !== "threads" || state.preparing !== null || state.view.number === 0) return;
  const listening = runningThread(state, "balancer")?.life.listening;
  if (!listening || state.threads.some(({ life }) => life.at !== "running")) return;
  state.stage = { at: "running" };
  effects.push({ type: "announce", listening });
}

function wake(draft: Draft): void {
  const { state, effects, now } = draft;
  const lateMs = now - state.wakeAt;
  if (lateMs > state.timeouts.heartbeatMs) {
    // The machine slept, or this process was suspended: nobody else had a chance to be in time.
    allowForLateness(state, now, lateMs);
    const fields = { lateMs: Math.round(lateMs) };
    effects.push({ type: "log", level: "warn", fields, message: "the supervisor itself was late" });
  }
  if (now >= stopDeadline(state)) giveUpWave(draft);
  for (const thread of state.threads) {
    const { life } = thread;
    if (life.at === "resting" && now >= life.until) start(draft, thread);
    else if (life.at === "starting" && now >= life.startBy) kill(draft, thread, "it was not ready in time");
    else if (life.at === "dying" && now >= life.by) {
      if (life.terminated) tellThatItStays(draft, thread, life);
      else {
        effects.push({ type: "terminate", thread: thread.plan.id });
        life.terminated = true;
        life.by = now + state.timeouts.hungMs;
      }
    }
  }
  const { preparing } = state;
  if (preparing !== null && now >= preparing.by) {
    for (const thread of state.threads) {
      if (thread.plan.kind === "chat" && preparing.waiting.includes(thread.plan.id)) {
        kill(draft, thread, "it did not hand its mailboxes over in time");
      }
    }
  }
  if (now >= state.heartbeatAt) heartbeat(draft);
}

function heartbeat(draft: Draft): void {
  const { state, effects, now } = draft;
  state.heartbeatAt = now + state.timeouts.heartbeatMs;
  for (const thread of state.threads) {
    if (thread.life.at !== "running") continue;
    if (now - thread.life.heardAt > state.timeouts.hungMs) {
      kill(draft, thread, isInStatement(thread.life) ? "one statement took too long" : "its event loop hung");
    } else {
      effects.push({ type: "post", thread: thread.plan.id, message: { type: "ping", ref: thread.run } });
    }
  }
}

/** Gives everybody the time again that the supervisor missed. */
function allowForLateness(state: State, now: number, lateMs: number): void {
  for (const { life } of state.threads) {
    if (life.at === "running") {
      life.heardAt = now;
      life.statements.since += lateMs;
    } else if (life.at === "starting") life.startBy = now + state.timeouts.startMs;
    else if (life.at === "dying") life.by += lateMs;
  }
  if (state.preparing !== null) state.preparing.by = now + state.timeouts.prepareMs;
  if (state.stage.at === "stopping") state.stage.since += lateMs;
}

function nextDeadline(state: State): number {
  if (state.stage.at === "finished") return Infinity;
  const lives = state.threads.map(({ life }) => {
    switch (life.at) {
      case "resting":
        return life.until;
      case "starting":
        return life.startBy;
      case "dying":
        return life.by;
      default:
        return Infinity;
    }
  });
  return Math.min(state.heartbeatAt, state.preparing?.by ?? Infinity, stopDeadline(state), ...lives);
}
