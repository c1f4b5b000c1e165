/** Performs on simulated threads what the supervisor's state machine decides; src/supervisor/shell.ts does it on real ones. */
import type { Timeouts } from "../../src/config.js";
import { toHex } from "../../src/protocol/bytes.js";
import { errorRecord, type ErrorRecord } from "../../src/protocol/errors.js";
import type { Incarnation } from "../../src/protocol/ids.js";
import type { Random, Timer } from "../../src/protocol/runtime.js";
import type { FromThread, Listening, ToThread } from "../../src/protocol/threads.js";
import {
  initialState,
  type Effect,
  type Event,
  type State,
  type ThreadEvent,
  type ThreadPlan,
} from "../../src/supervisor/state.js";
import { step } from "../../src/supervisor/step.js";
import { threadEventOf } from "../../src/supervisor/thread-event.js";
import { SimulatedPort } from "./port.js";
import { DelayedQueue } from "./queue.js";
import type { SimulatedThread } from "./thread.js";
import type { VirtualClock } from "./virtual-clock.js";

/** A message to a thread; the ports in it are simulated ones. */
export type Posted = Exclude<ToThread, { port: unknown }> | WithPort<Extract<ToThread, { port: unknown }>>;
type WithPort<T> = T extends unknown ? Omit<T, "port"> & { readonly port: SimulatedPort } : never;

/** What runs in a thread. */
export interface Body {
  readonly listening?: Listening;
  onMessage(message: Posted): void;
  stop(): Promise<void>;
}

export interface Started {
  readonly thread: SimulatedThread;
  /** Called once the thread has begun to run; what it throws is told to the supervisor as `failed`. */
  build(say: (message: FromThread) => void): Promise<Body>;
}

export interface SupervisorPorts {
  readonly plans: readonly ThreadPlan[];
  readonly portBase: number;
  readonly timeouts: Timeouts;
  readonly clock: VirtualClock;
  /** The thread that the supervisor itself runs in. */
  readonly main: SimulatedThread;
  readonly random: Random;
  /** How long a message between threads takes, in milliseconds. */
  readonly delay: () => number;
  /** How long a thread takes to start, in milliseconds. */
  readonly startMs: () => number;
  start(plan: ThreadPlan, port: number, incarnation: Incarnation): Started;
  migrate(): Promise<void>;
  onAnnounced(listening: Listening): void;
  onFinished(error: ErrorRecord | null): void;
  onLog(level: "debug" | "info" | "warn" | "error", fields: object, message: string): void;
}

interface Running {
  readonly thread: SimulatedThread;
  readonly inbox: DelayedQueue<Posted>;
}

export class Supervisor {
  #state: State;
  #timer: Timer | null = null;
  readonly #running = new Map<string, Running>();
  /** By both their names: what one chat server has sent another. */
  readonly #ways = new Map<string, SimulatedPort>();

  constructor(private readonly ports: SupervisorPorts) {
    this.#state = initialState(ports.plans, ports.timeouts, ports.portBase);
  }

  /** To be read, not kept. */
  get state(): Readonly<State> {
    return this.#state;
  }

  begin(): void {
    this.#dispatch({ type: "begin", now: this.#now() });
  }

  /** Asks everything to stop, in order. */
  stop(): void {
    this.#dispatch({ type: "stop", now: this.#now() });
  }

  /** The thread of that name, if it runs. */
  thread(name: string): SimulatedThread | null {
    return this.#running.get(name)?.thread ?? null;
  }

  /** What the supervisor has told a thread and it has not heard yet, to be held. */
  inbox(name: string): DelayedQueue<Posted> | null {
    return this.#running.get(name)?.inbox ?? null;
  }

  /** What one chat server has sent to another and is on its way, to be held. */
  way(from: string, to: string): SimulatedPort["incoming"] {
    const port = this.#ways.get(`${from}>${to}`);
    if (port === undefined) throw new Error(`${from} was never linked to ${to}`);
    return port.incoming;
  }

  #now(): number {
    return this.ports.clock.now();
  }

  #dispatch(event: Event): void {
    const { state, effects } = step(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    this.#timer?.cancel();
    const { wakeAt } = this.#state;
    this.#timer =
      wakeAt === Infinity
        ? null
        : this.ports.main.clock.after(Math.max(0, Math.ceil(wakeAt - this.#now())), () =>
            this.#dispatch({ type: "wake", now: this.#now() }),
          );
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "spawn":
        return this.#spawn(effect.plan, effect.run, effect.port);
      case "terminate":
        return this.#running.get(effect.thread)?.thread.kill();
      case "post":
        return this.#post(effect.thread, effect.message);
      case "mesh": {
        const { one, other } = effect;
        const [first, second] = SimulatedPort.pair(this.ports.clock, this.ports.delay);
        this.#ways.set(`${other.id}>${one.id}`, first).set(`${one.id}>${other.id}`, second);
        this.#post(one.id, { type: "link", peer: other.id, incarnation: other.incarnation, port: first });
        this.#post(other.id, { type: "link", peer: one.id, incarnation: one.incarnation, port: second });
        return;
      }
      case "introduce": {
        const [first, second] = SimulatedPort.pair(this.ports.clock, this.ports.delay);
        this.#post(effect.server.id, { type: "balancer", port: first });
        this.#post(effect.balancer, { type: "server", server: effect.server, port: second });
        return;
      }
      case "migrate":
        void this.ports.main
          .hear(this.ports.migrate())
          .then(() => this.#dispatch({ type: "migrated", now: this.#now() }));
        return;
      case "announce":
        return this.ports.onAnnounced(effect.listening);
      case "log":
        return this.ports.onLog(effect.level, effect.fields, effect.message);
      case "finish":
        return this.ports.onFinished(effect.error);
    }
  }

  #post(name: string, message: Posted): void {
    this.#running.get(name)?.inbox.push(message);
  }

  #spawn(plan: ThreadPlan, run: number, port: number): void {
    const { random, clock, main } = this.ports;
    const name = plan.id;
    const delay = (): number => this.ports.delay();
    const incarnation = toHex(random.bytes(16)) as Incarnation;
    const started = this.ports.start(plan, port, incarnation);
    const { thread } = started;
    const tell = (event: ThreadEvent): void =>
      this.#dispatch({ ...event, thread: name, run, now: this.#now() });
    const outbox = new DelayedQueue<FromThread>({
      clock,
      delay,
      run: main.run,
      deliver: (message) => {
        const event = threadEventOf(message, incarnation);
        if (event !== null) tell(event);
      },
    });
    const say = (message: FromThread): void => {
      if (thread.alive) outbox.push(message);
    };
    const room: { body: Body | null; readonly early: Posted[] } = { body: null, early: [] };
    const hear = (message: Posted): void => {
      if (message.type === "ping") say({ type: "pong", ref: message.ref });
      else if (room.body === null) room.early.push(message);
      else if (message.type === "stop") {
        void room.body.stop().then(() => {
          say({ type: "stopped" });
          thread.kill();
        });
      } else room.body.onMessage(message);
    };
    const inbox = new DelayedQueue<Posted>({ clock, delay, run: thread.run, deliver: hear });
    this.#running.set(name, { thread, inbox });
    thread.onDeath(() => {
      inbox.close();
      if (this.#running.get(name)?.thread === thread) this.#running.delete(name);
      clock.arrive(delay(), () => main.run(() => tell({ type: "exited", reason: "it was killed" })));
    });
    clock.arrive(this.ports.startMs(), () =>
      thread.run(() => {
        started.build(say).then(
          (body) => {
            room.body = body;
            say({ type: "ready", ...(body.listening === undefined ? {} : { listening: body.listening }) });
            for (const message of room.early.splice(0)) hear(message);
          },
          (error: unknown) => {
            say({ type: "failed", error: errorRecord(error) });
            thread.kill();
          },
        );
      }),
    );
  }
}
