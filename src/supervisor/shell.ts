/** Performs on real threads what the supervisor's state machine decides, and tells it what they say. */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { withoutCredentials } from "../node/credentials.js";
import { toHex } from "../protocol/bytes.js";
import { errorRecord, type ErrorRecord } from "../protocol/errors.js";
import type { Incarnation } from "../protocol/ids.js";
import type { Clock, Log, Random, Timer } from "../protocol/runtime.js";
import type { StatementCount } from "../protocol/statement-count.js";
import type { FromThread, Listening, LoadReport, ToThread } from "../protocol/threads.js";
import type { Timeouts } from "../config.js";
import {
  initialState,
  type Effect,
  type Event,
  type State,
  type ThreadEvent,
  type ThreadPlan,
} from "./state.js";
import { step } from "./step.js";
import { threadEventOf } from "./thread-event.js";

/** A thread that was started. */
export interface Worker {
  post(message: ToThread, ports: readonly MessagePort[]): void;
  /** Ends it at once, wherever it is. */
  terminate(): void;
  /** Of an embedded database: what it counts while it cannot speak. */
  readonly statements?: StatementCount;
}

export interface WorkerHandlers {
  onMessage(message: FromThread): void;
  /** Called exactly once, when the thread is no more; `reason` where it threw. */
  onExit(reason: string | null): void;
}

export interface ShellPorts {
  readonly plans: readonly ThreadPlan[];
  /** See {@link initialState}. */
  readonly portBase?: number;
  readonly timeouts: Timeouts;
  /** A clock that nobody sets, as the monotonic one. */
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  spawn(plan: ThreadPlan, port: number, incarnation: Incarnation, handlers: WorkerHandlers): Worker;
  /** Brings both databases to the newest version. */
  migrate(): Promise<void>;
  /** Everything is ready; clients connect to the balancer there. */
  announce(listening: Listening): Promise<void>;
  onReport(thread: string, report: LoadReport): void;
  /** Called after every step; to be read, not kept. */
  onState(state: Readonly<State>): void;
}

export class Shell {
  readonly #workers = new Map<string, { readonly worker: Worker; readonly run: number }>();
  readonly #finished: Promise<ErrorRecord | null>;
  #finish: (error: ErrorRecord | null) => void = () => undefined;
  #state: State;
  #timer: Timer | null = null;
  /** Events that arise while one is being dealt with wait for their turn. */
  #events: Event[] | null = null;

  constructor(private readonly ports: ShellPorts) {
    this.#state = initialState(ports.plans, ports.timeouts, ports.portBase);
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /**
   * Starts everything.
   *
   * @returns once everything has ended: `null` where it was asked to, else the reason
   */
  run(): Promise<ErrorRecord | null> {
    this.#dispatch({ type: "begin", now: this.#now() });
    return this.#finished;
  }

  /** Asks everything to stop, in order. */
  stop(): void {
    this.#dispatch({ type: "stop", now: this.#now() });
  }

  #now(): number {
    return this.ports.clock.now();
  }

  #dispatch(event: Event): void {
    if (this.#events !== null) {
      this.#events.push(event);
      return;
    }
    this.#events = [event];
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      const { state, effects } = step(this.#state, next);
      this.#state = state;
      for (const effect of effects) this.#perform(effect);
    }
    this.#events = null;
    this.#timer?.cancel();
    const { wakeAt } = this.#state;
    this.#timer =
      wakeAt === Infinity
        ? null
        : this.ports.clock.after(Math.max(0, Math.ceil(wakeAt - this.#now())), () => this.#wake());
    this.ports.onState(this.#state);
  }

  #wake(): void {
    const now = this.#now();
    // First, so that a database that computes is not judged by its silence.
    for (const [thread, { worker, run }] of this.#workers) {
      if (worker.statements === undefined) continue;
      this.#dispatch({ type: "counted", thread, run, now, statements: worker.statements.read() });
    }
    this.#dispatch({ type: "wake", now });
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "spawn":
        return this.#spawn(effect.plan, effect.run, effect.port);
      case "terminate":
        return this.#workers.get(effect.thread)?.worker.terminate();
      case "post":
        return this.#post(effect.thread, effect.message);
      case "mesh": {
        const { one, other } = effect;
        const { port1, port2 } = new MessageChannel();
        this.#post(one.id, { type: "link", peer: other.id, incarnation: other.incarnation, port: port1 });
        this.#post(other.id, { type: "link", peer: one.id, incarnation: one.incarnation, port: port2 });
        return;
      }
      case "introduce": {
        const { port1, port2 } = new MessageChannel();
        this.#post(effect.server.id, { type: "balancer", port: port1 });
        this.#post(effect.balancer, { type: "server", server: effect.server, port: port2 });
        return;
      }
      case "migrate":
        this.ports.migrate().then(
          () => this.#dispatch({ type: "migrated", now: this.#now() }),
          (error: unknown) => this.#giveUp(error),
        );
        return;
      case "announce":
        this.ports.announce(effect.listening).catch((error: unknown) => this.#giveUp(error));
        return;
      case "log":
        return this.ports.log[effect.level](effect.fields, effect.message);
      case "finish":
        return this.#finish(effect.error);
    }
  }

  #spawn(plan: ThreadPlan, run: number, port: number): void {
    const thread = plan.id;
    const incarnation = toHex(this.ports.random.bytes(16)) as Incarnation;
    const tell = (event: ThreadEvent) => this.#dispatch({ ...event, thread, run, now: this.#now() });
    try {
      const worker = this.ports.spawn(plan, port, incarnation, {
        onMessage: (message) => {
          if (message.type === "report") return this.ports.onReport(thread, message.report);
          const event = threadEventOf(message, incarnation);
          if (event !== null) tell(event);
        },
        onExit: (reason) => {
          if (this.#workers.get(thread)?.worker === worker) this.#workers.delete(thread);
          tell({ type: "exited", reason });
        },
      });
      this.#workers.set(thread, { worker, run });
    } catch (error) {
      tell({ type: "exited", reason: error instanceof Error ? error.message : String(error) });
    }
  }

  #post(thread: string, message: ToThread): void {
    this.#workers.get(thread)?.worker.post(message, "port" in message ? [message.port] : []);
  }

  #giveUp(error: unknown): void {
    const record = errorRecord(error);
    const { code, message } = record;
    // What a person can mend is said in a sentence; where in the code it came up is for defects.
    const told = code === "internal" ? { error } : { code, reason: withoutCredentials(message) };
    this.ports.log.error(told, "the system cannot go on");
    this.ports.log.debug({ error }, "where that came up");
    this.#dispatch({ type: "giveUp", error: record, now: this.#now() });
  }
}
