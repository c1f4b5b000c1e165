/**
 * What the supervisor knows, hears and does. It is a state machine apart from its threads: {@link step} in step.ts takes
 * a state and an event and returns the next state and the effects that shell.ts performs on real threads.
 */
import type { Timeouts } from "../config.js";
import type { ErrorCode, ErrorRecord } from "../protocol/errors.js";
import type { Incarnation, ServerId } from "../protocol/ids.js";
import type { FleetOrder, Listening, ServerEntry, ToThread } from "../protocol/threads.js";
import type { View } from "../protocol/view.js";

export type ThreadKind = "database" | "balancer" | "archive" | "chat";

/** A thread that shall run. A chat server's `id` is its {@link ServerId}. */
export type ThreadPlan = {
  /** Where it shall listen; 0 for any free port, or for a thread without one. */
  readonly port: number;
} & (
  | { readonly kind: Exclude<ThreadKind, "chat">; readonly id: string }
  | { readonly kind: "chat"; readonly id: ServerId }
);

/** Where in its life a thread is. Times are milliseconds of the clock that stamps the events. */
export type Life =
  /** What it needs is not there yet. */
  | { at: "waiting" }
  | { at: "starting"; startBy: number }
  | {
      at: "running";
      since: number;
      heardAt: number;
      /** Of an embedded database: how many of its statements have begun and ended, and since when it is so many. */
      statements: { count: number; since: number };
      listening: Listening | null;
      incarnation: Incarnation;
    }
  /**
   * Must end, and has not ended yet. Nobody counts on it any more. At `by` it is made to; or, where it was already,
   * people are told that it does not end.
   */
  | { at: "dying"; by: number; terminated: boolean }
  /** Has ended; starts again at `until`. */
  | { at: "resting"; until: number }
  /**
   * Was told to stop. Where it stops alone, while the others go on: the incarnation by which they still know it, if they
   * do, and when it is made to.
   */
  | { at: "stopping"; alone: { incarnation: Incarnation | null; by: number } | null }
  | { at: "ended" };

/** What a chat server is for; any other thread is `serving`. */
export type Assignment =
  | { is: "serving" }
  /** Nobody is placed there any more. */
  | { is: "draining" }
  /** Likewise; and it leaves once nobody is left there, or at `until`. */
  | { is: "retiring"; until: number }
  /** No view from now on has it. Once that holds it is stopped. */
  | { is: "leaving" };

export interface Thread {
  plan: ThreadPlan;
  /** Counts its starts; an event of an earlier run means nothing any more. */
  run: number;
  /** Its starts before this one was planned: an earlier thread of that name may have been removed. */
  readonly earlierRuns: number;
  /** Whether it was added while the system ran: it may fail without an end to everything. */
  readonly added: boolean;
  assignment: Assignment;
  /** Starts in a row that did not last. */
  tries: number;
  /** Whether it ever said `ready`. */
  proven: boolean;
  /** Where the next run shall listen: where the last one did. */
  port: number;
  /** What this run said of why it cannot go on. */
  failure: ErrorRecord | null;
  /** What this run goes on without. */
  trouble: ErrorCode | null;
  /** Why its last run ended, where that was told already. */
  toldWhy: string | null;
  life: Life;
}

export type Stage =
  | { at: "databases" }
  | { at: "migrating" }
  | { at: "threads" }
  | { at: "running" }
  | { at: "stopping"; since: number; wave: number; error: ErrorRecord | null }
  | { at: "finished" };

export interface State {
  readonly timeouts: Timeouts;
  stage: Stage;
  threads: Thread[];
  /** An added chat server has this port and its number after it; 0: any free one. */
  readonly portBase: number;
  /** How often removed threads were started, by name. */
  removedRuns: Record<string, number>;
  /** Whether a rebalance that an operator asked for goes on: the balancer may be started again meanwhile. */
  rebalancing: boolean;
  /** What the balancer that runs was told of all threads and of that. */
  toldFleet: Extract<PlainMessage, { type: "fleet" }> | null;
  /** The newest view; while it is being prepared, the servers that have not answered and until when they may. */
  view: View;
  preparing: { waiting: ServerId[]; by: number } | null;
  heartbeatAt: number;
  /** When the supervisor asked to be woken: woken much later, it was late itself. */
  wakeAt: number;
}

export type Event = { readonly now: number } & (
  | { readonly type: "begin" }
  | { readonly type: "wake" }
  | { readonly type: "migrated" }
  /** The supervisor itself cannot go on. */
  | { readonly type: "giveUp"; readonly error: ErrorRecord }
  /** Somebody asks the system to stop. */
  | { readonly type: "stop" }
  | ({ readonly thread: string; readonly run: number } & ThreadEvent)
);

export type ThreadEvent =
  | { readonly type: "ready"; readonly listening: Listening | null; readonly incarnation: Incarnation }
  | { readonly type: "pong" }
  /** An embedded database's count of statements begun and ended, as the supervisor sees it (statement-count.ts). */
  | { readonly type: "counted"; readonly statements: number }
  | { readonly type: "prepared"; readonly view: number }
  | { readonly type: "trouble"; readonly trouble: ErrorCode | null }
  | { readonly type: "failed"; readonly error: ErrorRecord }
  /** Of the balancer: an operator's order; a retiring server that nobody is left on; and that a rebalance is over. */
  | { readonly type: "order"; readonly ref: number; readonly order: FleetOrder }
  | { readonly type: "emptied"; readonly id: ServerId; readonly incarnation: Incarnation }
  | { readonly type: "evened" }
  /** The thread is no more; `reason` where it threw, for the log and for people. */
  | { readonly type: "exited"; readonly reason: string | null };

/** Messages that carry no port. */
export type PlainMessage = Exclude<ToThread, { readonly port: unknown }>;

export type Effect =
  /** Starts a thread. The shell gives every run a random incarnation of its own. */
  | { readonly type: "spawn"; readonly plan: ThreadPlan; readonly run: number; readonly port: number }
  | { readonly type: "terminate"; readonly thread: string }
  | { readonly type: "post"; readonly thread: string; readonly message: PlainMessage }
  /** Gives two chat servers a channel, each named to the other. */
  | { readonly type: "mesh"; readonly one: ServerEntry; readonly other: ServerEntry }
  /** Gives a chat server and the balancer a channel. */
  | { readonly type: "introduce"; readonly server: ServerEntry; readonly balancer: string }
  | { readonly type: "migrate" }
  /** Everything is ready; clients connect here. */
  | { readonly type: "announce"; readonly listening: Listening }
  | {
      readonly type: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly fields: object;
      readonly message: string;
    }
  /** All threads have ended, or were given up; `error` where the system did not stop because it was asked to. */
  | { readonly type: "finish"; readonly error: ErrorRecord | null };

/**
 * @param plans databases, archive, balancer and chat servers, in the order in which people shall see them
 * @param portBase where chat servers that are added listen, less their numbers; 0 for any free ports
 */
export function initialState(plans: readonly ThreadPlan[], timeouts: Timeouts, portBase = 0): State {
  return {
    timeouts,
    stage: { at: "databases" },
    threads: plans.map((plan) => plannedThread(plan, 0, false)),
    portBase,
    removedRuns: {},
    rebalancing: false,
    toldFleet: null,
    view: { number: 0, members: [] },
    preparing: null,
    heartbeatAt: Infinity,
    wakeAt: Infinity,
  };
}

/** A thread that was never started. */
export function plannedThread(plan: ThreadPlan, earlierRuns: number, added: boolean): Thread {
  return {
    plan,
    run: earlierRuns,
    earlierRuns,
    added,
    assignment: { is: "serving" },
    tries: 0,
    proven: false,
    port: plan.port,
    failure: null,
    trouble: null,
    toldWhy: null,
    life: { at: "waiting" },
  };
}

/** How often a thread was started again. */
export function restartsOf({ run, earlierRuns }: Readonly<Thread>): number {
  return Math.max(0, run - earlierRuns - 1);
}

/** One step in the making: functions that work on it change `state` and add to `effects`. */
export interface Draft {
  readonly state: State;
  readonly effects: Effect[];
  readonly now: number;
  /** Answers to operators, given when everything else of the step is told: who hears one finds its effect told. */
  readonly answers: { readonly ref: number; readonly error: ErrorRecord | null }[];
}

export type Running = Extract<Life, { at: "running" }>;
export type Dying = Extract<Life, { at: "dying" }>;

/** Chat servers that are running, as others know them. */
export function runningServers(state: State): ServerEntry[] {
  return state.threads.flatMap(({ plan, life }) =>
    plan.kind === "chat" && life.at === "running" && life.listening !== null
      ? [{ id: plan.id, incarnation: life.incarnation, listening: life.listening }]
      : [],
  );
}

/** The thread of a kind of which there is one, if it is running. */
export function runningThread(
  state: State,
  kind: "balancer" | "archive",
): { readonly id: string; readonly life: Running } | null {
  for (const { plan, life } of state.threads) {
    if (plan.kind === kind && life.at === "running") return { id: plan.id, life };
  }
  return null;
}
