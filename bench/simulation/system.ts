/** One run of the whole system: a supervisor with its threads. With the process everything dies that is not on a disk. */
import { addedPortBase } from "../../src/config-rules.js";
import type { Config } from "../../src/config.js";
import type { ErrorRecord } from "../../src/protocol/errors.js";
import type { Incarnation, ServerId } from "../../src/protocol/ids.js";
import type { Log } from "../../src/protocol/runtime.js";
import type { State, ThreadPlan } from "../../src/supervisor/state.js";
import { threadPlans } from "../../src/supervisor/thread-data.js";
import type { DeliveryStore } from "../../src/store/deliveries.js";
import { archiveStore } from "./archive-store.js";
import { startArchive } from "./archive-thread.js";
import { startBalancer, type BalancerBody } from "./balancer-thread.js";
import type { Chance } from "./chance.js";
import { startChat, type ChatBody } from "./chat-thread.js";
import type { SimulatedDatabase } from "./database.js";
import type { Grants } from "./grants.js";
import type { MemoryArchive } from "./memory-archive.js";
import type { Network } from "./network.js";
import { serviceStores, type ServiceTables } from "./service-store.js";
import { Supervisor, type Body, type Posted, type Started } from "./supervisor.js";
import { SimulatedThread } from "./thread.js";
import type { VirtualClock } from "./virtual-clock.js";

/** What a system runs on; it outlives the process. */
export interface Ground {
  readonly clock: VirtualClock;
  readonly network: Network;
  readonly config: Config;
  readonly service: { readonly database: SimulatedDatabase; readonly tables: ServiceTables };
  readonly archive: { readonly database: SimulatedDatabase; readonly archives: MemoryArchive };
  readonly grants: Grants;
  /** How far the machine's wall clock is ahead of true time, in milliseconds. */
  readonly aheadMs: () => number;
  /** How long a message between threads takes at most, in milliseconds. */
  readonly threadMs: number;
  /** How long a thread takes to start at most, in milliseconds. */
  readonly startMs: number;
  /** Told of what no run may bring: errors that a thread logs. */
  onError(thread: string, fields: object, message: string): void;
  /** Stands between a chat server and what it was given, to break it on purpose. */
  readonly sabotage?: Sabotage;
}

/** Ways to break a server on purpose, without touching its code. */
export interface Sabotage {
  store?(store: DeliveryStore): DeliveryStore;
  /** @returns what the thread is to hear in the place of a message; `null` for nothing */
  heard?(message: Posted, answer: (view: number) => void): Posted | null;
}

export class System {
  readonly main: SimulatedThread;
  readonly supervisor: Supervisor;
  readonly #chats = new Map<ServerId, ChatBody>();
  #balancer: BalancerBody | null = null;
  #announced = false;
  #finished = false;

  /** @param onFinished told when the system has ended by itself */
  constructor(
    private readonly ground: Ground,
    private readonly chance: Chance,
    onFinished: (error: ErrorRecord | null) => void,
  ) {
    const { clock, config, threadMs, startMs } = ground;
    this.main = new SimulatedThread("supervisor", clock);
    const pace = chance.fork("pace");
    this.supervisor = new Supervisor({
      plans: threadPlans(config),
      portBase: addedPortBase(config),
      timeouts: config.timeouts,
      clock,
      main: this.main,
      random: chance.fork("incarnations"),
      delay: () => pace.between(0, threadMs),
      startMs: () => pace.between(1, startMs),
      start: (plan, port, incarnation) => this.#start(plan, port, incarnation),
      migrate: () => Promise.resolve(),
      onAnnounced: () => {
        this.#announced = true;
      },
      onFinished: (error) => {
        this.#finished = true;
        onFinished(error);
      },
      onLog: () => undefined,
    });
  }

  get announced(): boolean {
    return this.#announced;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get state(): Readonly<State> {
    return this.supervisor.state;
  }

  /** Whether every thread runs, and the servers share the accounts in a view that all have. */
  get complete(): boolean {
    const { threads, preparing } = this.state;
    return this.#announced && preparing === null && threads.every(({ life }) => life.at === "running");
  }

  /** The chat servers that run. */
  get chats(): ReadonlyMap<ServerId, ChatBody> {
    return this.#chats;
  }

  /** The balancer, if it runs. */
  get balancer(): BalancerBody | null {
    return this.#balancer;
  }

  /** Ends all at once. */
  crash(): void {
    this.main.kill();
    for (const { plan } of this.state.threads) this.supervisor.thread(plan.id)?.kill();
  }

  #start(plan: ThreadPlan, port: number, incarnation: Incarnation): Started {
    const { clock, aheadMs } = this.ground;
    const thread = new SimulatedThread(plan.id, clock, aheadMs);
    return { thread, build: (say) => this.#build(plan, port, incarnation, thread, say) };
  }

  async #build(
    plan: ThreadPlan,
    port: number,
    incarnation: Incarnation,
    thread: SimulatedThread,
    say: Parameters<Started["build"]>[0],
  ): Promise<Body> {
    const { config, network, grants, service, archive, sabotage } = this.ground;
    const { limits, timeouts } = config;
    const random = this.chance.fork(`random of ${plan.id} ${incarnation}`);
    const log = this.#log(plan.id);
    const common = { port, thread, limits, timeouts, grants, network, log };
    switch (plan.kind) {
      case "database":
        return databaseBody(plan.id.endsWith("service") ? service.database : archive.database, thread);
      case "balancer": {
        const stores = serviceStores(service.database, service.tables, thread);
        const { strategy } = config;
        const body = await startBalancer({ ...common, stores, random, strategy, askSupervisor: say });
        this.#balancer = body;
        thread.onDeath(() => {
          if (this.#balancer === body) this.#balancer = null;
        });
        return body;
      }
      case "archive":
        return startArchive({ ...common, store: archiveStore(archive.database, archive.archives, thread) });
      case "chat": {
        const { deliveries, groups } = serviceStores(service.database, service.tables, thread);
        const store = sabotage?.store?.(deliveries) ?? deliveries;
        const body = startChat({ ...common, id: plan.id, incarnation, store, groups, random }, say);
        this.#chats.set(plan.id, body);
        thread.onDeath(() => {
          if (this.#chats.get(plan.id) === body) this.#chats.delete(plan.id);
        });
        if (sabotage?.heard === undefined) return body;
        const answer = (view: number): void => say({ type: "prepared", view });
        return {
          ...body,
          onMessage: (message) => {
            const heard = sabotage.heard?.(message, answer) ?? null;
            if (heard !== null) body.onMessage(heard);
          },
        };
      }
    }
  }

  #log(thread: string): Log {
    return {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: (fields, message) => this.ground.onError(thread, fields, message),
    };
  }
}

function databaseBody(database: SimulatedDatabase, thread: SimulatedThread): Body {
  database.comeBack();
  thread.onDeath(() => database.crash());
  return {
    onMessage: () => undefined,
    stop: () => Promise.resolve(),
  };
}
