/**
 * FastChat whole, in one thread and in virtual time: supervisor, balancer, chat servers and archive as they are, on
 * simulated threads, sockets, databases and devices, with people who write to each other by the client's core. Whoever
 * has a world decides what happens; on its own it only goes on.
 */
import { fileURLToPath } from "node:url";
import { readConfig, type Config } from "../../src/config.js";
import type { ServerId } from "../../src/protocol/ids.js";
import { homeOf } from "../../src/protocol/view.js";
import type { HistoryEvent } from "../history/events.js";
import { Chance } from "./chance.js";
import { SimulatedDatabase } from "./database.js";
import type { Connection } from "./connection.js";
import { simulatedGrants } from "./grants.js";
import { MemoryArchive } from "./memory-archive.js";
import { Network } from "./network.js";
import { Person } from "./person.js";
import { reseedPrimitives } from "./primitives.js";
import { ServiceTables } from "./service-store.js";
import { System, type Ground, type Sabotage } from "./system.js";
import type { SimulatedThread } from "./thread.js";
import { nextTurn, promisesDrained } from "./turn.js";
import { VirtualClock } from "./virtual-clock.js";

const FILE = fileURLToPath(new URL("../../../config/globals.json", import.meta.url));

/** What is not drawn from the seed. */
export interface WorldOptions {
  readonly seed: number;
  readonly limits?: Partial<Config["limits"]>;
  readonly timeouts?: Partial<Config["timeouts"]>;
  readonly servers?: number;
  readonly strategy?: string;
  /** Whether the databases are threads of the system, or servers of their own that live on when it dies. */
  readonly embedded?: boolean;
  /** How long anything takes at most, in milliseconds. */
  readonly pace?: Partial<Pace>;
  readonly sabotage?: Sabotage;
}

export interface Pace {
  readonly networkMs: number;
  readonly threadMs: number;
  readonly databaseMs: number;
  readonly diskMs: number;
  readonly startMs: number;
}

const PACE: Pace = { networkMs: 5, threadMs: 2, databaseMs: 3, diskMs: 2, startMs: 200 };
/** The balancer's port: clients know it by heart. */
const BALANCER_PORT = 7440;
/** How long whoever runs the system takes to start it again after it ended, in milliseconds. */
const OPERATOR_MS = 1000;
/** Events between two turns of the real event loop. */
const EVENTS_PER_TURN = 4096;

export class World {
  readonly clock = new VirtualClock();
  readonly chance: Chance;
  readonly config: Config;
  readonly network: Network;
  readonly tables = new ServiceTables();
  readonly archives = new MemoryArchive();
  readonly service: SimulatedDatabase;
  readonly archiveDatabase: SimulatedDatabase;
  readonly people = new Map<string, Person>();
  readonly events: HistoryEvent[] = [];
  /** What no run may bring, whatever happens. */
  readonly faults: string[] = [];
  /** How far the service's wall clock is ahead of true time, in milliseconds. */
  aheadMs = 0;
  #system: System | null = null;
  #runs = 0;
  #happened = 0;
  readonly #ground: Ground;
  readonly #pace: Pace;

  constructor(options: WorldOptions) {
    const { seed, servers = 3, embedded = false, strategy } = options;
    reseedPrimitives(seed);
    this.chance = new Chance(seed);
    this.#pace = { ...PACE, ...options.pace };
    const file = readConfig(FILE, [], ".");
    this.config = {
      ...file,
      servers,
      port: BALANCER_PORT,
      strategy: strategy ?? file.strategy,
      database: embedded ? null : "postgres://simulated/service",
      archiveDatabase: embedded ? null : "postgres://simulated/archive",
      limits: { ...file.limits, ...options.limits },
      timeouts: { ...file.timeouts, ...options.timeouts },
    };
    const { networkMs, threadMs, databaseMs, startMs } = this.#pace;
    const { clock, chance, config } = this;
    this.network = new Network({ clock, chance: chance.fork("network"), delayMs: networkMs });
    const database = (name: string): SimulatedDatabase =>
      new SimulatedDatabase({
        clock,
        chance: chance.fork(name),
        delayMs: databaseMs,
        timeoutMs: config.timeouts.databaseMs,
      });
    this.service = database("service database");
    this.archiveDatabase = database("archive database");
    this.#ground = {
      clock,
      network: this.network,
      config,
      service: { database: this.service, tables: this.tables },
      archive: { database: this.archiveDatabase, archives: this.archives },
      grants: simulatedGrants(chance.fork("grants").bytes(32)),
      aheadMs: () => this.aheadMs,
      threadMs,
      startMs,
      onError: (thread, fields, message) =>
        void this.faults.push(`${thread}: ${message} ${describe(fields)}`),
      ...(options.sabotage === undefined ? {} : { sabotage: options.sabotage }),
    };
  }

  /** A world whose system runs and is complete. */
  static async begin(options: WorldOptions): Promise<World> {
    const world = new World(options);
    world.start();
    await world.until(() => world.system.complete);
    return world;
  }

  /** The run of the system at the moment, or the last one. */
  get system(): System {
    if (this.#system === null) throw new Error("the system was never started");
    return this.#system;
  }

  /** Whether the process runs. */
  get up(): boolean {
    return this.#system !== null && this.#system.main.alive && !this.#system.finished;
  }

  /** Starts the system's process. One that has ended by itself is started again by whoever runs it. */
  start(): void {
    if (this.up) throw new Error("the system runs already");
    const system = new System(this.#ground, this.chance.fork(`system ${++this.#runs}`), () => {
      if (this.#system !== system) return;
      this.clock.after(OPERATOR_MS, () => {
        if (this.#system === system) this.start();
      });
    });
    this.#system = system;
    system.supervisor.begin();
  }

  /** The whole process dies: only what is committed and what is on devices is left. */
  crash(): void {
    this.system.crash();
    this.aheadMs = 0;
  }

  /** Asks the system to stop, in order. */
  stop(): void {
    this.system.supervisor.stop();
  }

  /** A thread by its name (`chat-1`, `balancer`, `archive`, `database-service`), if it runs. */
  thread(name: string): SimulatedThread | null {
    return this.#system?.main.alive === true ? this.#system.supervisor.thread(name) : null;
  }

  /** Makes an account with a device on which a client listens; or another device of the account of `user`. */
  async join(name: string, user = name): Promise<Person> {
    const person = new Person(name, user, this.#deviceOptions(name), {
      events: this.events,
      now: () => this.clock.now(),
      onFault: (who, what) => void this.faults.push(`${who}: ${what}`),
    });
    this.people.set(name, person);
    await this.finish(person.signIn());
    await this.finish(person.listen());
    return person;
  }

  person(name: string): Person {
    const person = this.people.get(name);
    if (person === undefined) throw new Error(`nobody is called ${name}`);
    return person;
  }

  /** Where that person's mailbox is at home, in the newest view. */
  homeOf(name: string): ServerId | null {
    return homeOf(this.system.state.view, this.person(name).account)?.id ?? null;
  }

  /** The chat server that a person's client is connected to, if it is. */
  serverOf(name: string): string | null {
    return this.#routesTo(name, "chat")[0]?.server.name ?? null;
  }

  /** A person's connections to a chat server, or to the archive. */
  connections(name: string, to: "chat" | "archive"): Connection[] {
    return this.#routesTo(name, to).map(({ connection }) => connection);
  }

  /** What people read at the end: their archives, by devices that know nothing but the password. */
  async archive(name: string) {
    const options = { ...this.#deviceOptions(`reader of ${name}`) };
    return this.finish(this.person(name).archive(options));
  }

  /** Messages on their way in the servers: not settled, or not written. */
  get unsettled(): number {
    let sum = 0;
    for (const { server } of this.#system?.chats.values() ?? []) {
      const { unsettled, writeQueue } = server.report({ loopDelayP99Ms: 0, utilization: 0 });
      sum += unsettled + writeQueue;
    }
    return sum;
  }

  /** How many things have happened. */
  get happened(): number {
    return this.#happened;
  }

  /** Lets the next thing happen, whenever it does. */
  async step(): Promise<void> {
    if (!this.clock.fireNext()) throw new Error("nothing will ever happen any more");
    await (++this.#happened % EVENTS_PER_TURN === 0 ? nextTurn() : promisesDrained());
  }

  /** Lets so many milliseconds pass, and all happen that does meanwhile. */
  async pass(ms: number): Promise<void> {
    await promisesDrained();
    const end = this.clock.now() + ms;
    for (let next = this.clock.nextAt; next !== null && next <= end; next = this.clock.nextAt)
      await this.step();
    this.clock.advance(end - this.clock.now());
  }

  /** Lets happen what is on its way and not held, without waiting for anybody's timer. */
  async settle(): Promise<void> {
    await promisesDrained();
    while (this.clock.underWay > 0) await this.step();
  }

  /** Goes on until something is so. @throws Error where it is not within so many milliseconds */
  async until(condition: () => boolean, withinMs = 120_000): Promise<void> {
    const end = this.clock.now() + withinMs;
    await promisesDrained();
    while (!condition()) {
      if (this.clock.now() > end) throw new Error(`not so within ${withinMs} ms: ${condition.toString()}`);
      await this.step();
    }
  }

  /** Goes on until a promise is settled. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    const end = (): void => {
      over = true;
    };
    promise.then(end, end);
    await this.until(() => over);
    return promise;
  }

  #routesTo(name: string, kind: "chat" | "archive") {
    const routes = [...(this.person(name).device.process?.routes ?? [])];
    return routes.filter(({ server }) => server.name.startsWith(kind));
  }

  #deviceOptions(name: string) {
    const { clock, chance, network, config } = this;
    return {
      clock,
      chance: chance.fork(`device of ${name}`),
      network,
      balancerPort: BALANCER_PORT,
      diskMs: this.#pace.diskMs,
      bufferBytes: config.limits.socketBufferBytes,
    };
  }
}

function describe(fields: object): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${value instanceof Error ? value.message : JSON.stringify(value)}`)
    .join(" ");
}
