/** The supervisor's state machine: pure, so that its stories can be told without a thread or a clock. */
import { acquaint } from "./acquaintance.js";
import { exited, isDead, kill, tellThatItStays } from "./deaths.js";
import { tellFleet } from "./fleet.js";
import { emptied, letLeave } from "./leaving.js";
import { takeOrder } from "./orders.js";
import {
  runningThread,
  type Draft,
  type Effect,
  type Event,
  type Running,
  type State,
  type Thread,
  type ThreadEvent,
} from "./state.js";
import { start, startAdded, startKinds } from "./starts.js";
import { beginStop, giveUpWave, stopDeadline } from "./stopping.js";
import { goOnWithViews, serverPrepared } from "./views.js";

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
    answers: [],
  };
  take(draft, event);
  startAdded(draft);
  letLeave(draft);
  goOnWithViews(draft);
  announceOnceComplete(draft);
  tellFleet(draft);
  answerOperators(draft);
  draft.state.wakeAt = nextDeadline(draft);
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
  const { state, now } = draft;
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
      if (thread.plan.kind === "chat" && thread.life.at === "running" && event.view === state.view.number) {
        serverPrepared(state, thread.plan.id);
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
      // Where it died meanwhile nobody is left to hear the answer.
      if (thread.life.at !== "running") return;
      draft.answers.push({ ref: event.ref, error: takeOrder(draft, event.order) });
      return;
    case "emptied":
      emptied(draft, event.id, event.incarnation);
      return;
    case "evened":
      state.rebalancing = false;
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

function tellReturn({ effects }: Draft, { plan, tries }: Thread): void {
  if (tries === 0) return;
  effects.push({
    type: "log",
    level: "info",
    fields: { of: plan.id, tries },
    message: "a thread that died is back",
  });
}

function migrateOnceDatabasesRun({ state, effects }: Draft): void {
  const databases = state.threads.filter(({ plan }) => plan.kind === "database");
  if (state.stage.at !== "databases" || databases.some(({ life }) => life.at !== "running")) return;
  state.stage = { at: "migrating" };
  effects.push({ type: "migrate" });
}

function answerOperators({ state, effects, answers }: Draft): void {
  const balancer = runningThread(state, "balancer");
  if (balancer === null) return;
  for (const { ref, error } of answers) {
    effects.push({ type: "post", thread: balancer.id, message: { type: "ordered", ref, error } });
  }
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
    else if (life.at === "stopping" && life.alone !== null && now >= life.alone.by) {
      kill(draft, thread, "it did not stop in time");
    } else if (life.at === "dying" && now >= life.by) {
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
  for (const { assignment, life } of state.threads) {
    if (assignment.is === "retiring") assignment.until += lateMs;
    if (life.at === "running") {
      life.heardAt = now;
      life.statements.since += lateMs;
    } else if (life.at === "starting") life.startBy = now + state.timeouts.startMs;
    else if (life.at === "dying") life.by += lateMs;
    else if (life.at === "stopping" && life.alone !== null) life.alone.by += lateMs;
  }
  if (state.preparing !== null) state.preparing.by = now + state.timeouts.prepareMs;
  if (state.stage.at === "stopping") state.stage.since += lateMs;
}

function nextDeadline({ state, now }: Draft): number {
  if (state.stage.at === "finished") return Infinity;
  const lives = state.threads.map(({ life }) => {
    switch (life.at) {
      case "resting":
        return life.until;
      case "starting":
        return life.startBy;
      case "dying":
        return life.by;
      case "stopping":
        return life.alone?.by ?? Infinity;
      default:
        return Infinity;
    }
  });
  // Who cannot leave yet although it may is looked at in each step.
  const drained = state.threads.flatMap(({ assignment }) =>
    assignment.is === "retiring" && assignment.until > now ? [assignment.until] : [],
  );
  return Math.min(
    state.heartbeatAt,
    state.preparing?.by ?? Infinity,
    stopDeadline(state),
    ...lives,
    ...drained,
  );
}
