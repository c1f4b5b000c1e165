/** The processes with clients, as the bench sees them: what they are told, and how their people fare. */
import { fork, type ChildProcess } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import type { ServiceAddress } from "../../src/protocol/address.js";
import { toBase64Url } from "../../src/protocol/bytes.js";
import type { FromHost, HostPlan, HostState, PersonPlan, ToHost } from "./host-messages.js";

export interface HostsPlan {
  readonly address: ServiceAddress;
  readonly folder: string;
  readonly seed: number;
  readonly hosts: number;
  readonly people: readonly PersonPlan[];
  readonly perMinute: number;
  onProblem(text: string): void;
}

/** The most people who are named with what keeps them away. */
const MOST_MISSING = 3;

type Told<Type extends FromHost["type"]> = Extract<FromHost, { type: Type }>;

interface PeopleEvents {
  live: [Told<"live">];
  offline: [Told<"offline">];
  struck: [Told<"struck">];
}

/** When a person's session was lost, and when it was back. */
export interface Absence {
  readonly person: number;
  readonly server: string;
  readonly from: number;
  readonly to: number;
}

export class Hosts extends EventEmitter<PeopleEvents> {
  readonly absences: Absence[] = [];
  readonly #plan: HostsPlan;
  readonly #hosts: Host[];
  readonly #live = new Map<number, Told<"live">>();
  readonly #offline = new Map<number, Told<"offline">>();

  constructor(plan: HostsPlan) {
    super();
    this.setMaxListeners(0);
    this.#plan = plan;
    this.#hosts = Array.from(
      { length: plan.hosts },
      (_, index) => new Host(index, (message) => this.#heard(message)),
    );
  }

  /** Files with events, in the order in which each host wrote them. */
  get eventFiles(): string[] {
    return this.#hosts.flatMap((host) => host.eventFiles);
  }

  hostOf(person: number): number {
    return person % this.#hosts.length;
  }

  /** The next so many after this one, in the order of numbers. */
  othersThan(person: number, count: number): number[] {
    const { people } = this.#plan;
    const most = Math.min(count, people.length - 1);
    return Array.from({ length: most }, (_, index) => (person + 1 + index) % people.length);
  }

  isLive(person: number): boolean {
    return this.#live.has(person);
  }

  /** How many of all people are in a session, from 0 to 1. */
  get liveShare(): number {
    return this.#live.size / this.#plan.people.length;
  }

  /** Why the first few of those who are in no session are in none. */
  get missing(): string[] {
    return this.#plan.people
      .filter(({ number }) => !this.#live.has(number))
      .slice(0, MOST_MISSING)
      .map(({ number, name }) => `${name}: ${this.#offline.get(number)?.why ?? "nothing was heard of it"}`);
  }

  /** Whether a host's people all came up after its last start. */
  isUp(host: number): boolean {
    return this.#hosts[host]?.up ?? false;
  }

  /** Starts all, with everybody signed up and listening. */
  async start(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.start(this.#planOf(host), false)));
    await Promise.all(this.#hosts.map((host) => host.ask({ type: "join" }, "joined")));
    await Promise.all(this.#hosts.map((host) => host.ask({ type: "gather" }, "gathered")));
  }

  tellAll(message: ToHost): void {
    for (const host of this.#hosts) host.tell(message);
  }

  tellHostOf(person: number, message: ToHost): void {
    this.#hosts[this.hostOf(person)]?.tell(message);
  }

  async poll(): Promise<HostState[]> {
    const answers = await Promise.all(this.#hosts.map((host) => host.ask({ type: "poll" }, "polled")));
    return answers.map(({ state }) => state);
  }

  async close(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.ask({ type: "close" }, "closed")));
  }

  /** @returns files with an archive a line */
  async readBack(): Promise<string[]> {
    return Promise.all(
      this.#hosts.map(async (host) => {
        const file = join(this.#plan.folder, `archives-${host.index}.jsonl`);
        await host.ask({ type: "readBack", file }, "readBack");
        return file;
      }),
    );
  }

  /** Kills one and starts it again. @returns once its people all listen again */
  async killAndStart(index: number): Promise<void> {
    const host = this.#hosts[index];
    if (host === undefined) throw new Error(`there is no host ${index}`);
    await host.kill();
    for (const { number } of this.#plan.people) {
      if (this.hostOf(number) !== index) continue;
      this.#live.delete(number);
      this.#offline.delete(number);
    }
    await host.start(this.#planOf(host), true);
  }

  async end(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.end()));
  }

  #planOf(host: Host): HostPlan {
    const { address, folder, seed, people, perMinute } = this.#plan;
    return {
      service: { host: address.host, port: address.port, pin: toBase64Url(address.pin ?? new Uint8Array()) },
      folder: join(folder, "devices"),
      events: join(folder, `events-${host.index}-${host.starts}.jsonl`),
      start: host.starts,
      seed,
      people: people.filter(({ number }) => this.hostOf(number) === host.index),
      perMinute,
    };
  }

  #heard(message: FromHost): void {
    switch (message.type) {
      case "live": {
        const lost = this.#offline.get(message.person);
        this.#offline.delete(message.person);
        this.#live.set(message.person, message);
        if (lost !== undefined) {
          const { person, server, at: from } = lost;
          this.absences.push({ person, server, from, to: message.at });
        }
        this.emit("live", message);
        return;
      }
      case "offline": {
        this.#live.delete(message.person);
        // Lost once; what comes behind it only says why it lasts.
        const lost = this.#offline.get(message.person) ?? message;
        this.#offline.set(message.person, { ...lost, why: message.why });
        this.emit("offline", message);
        return;
      }
      case "struck":
        this.emit("struck", message);
        return;
      case "problem":
        return this.#plan.onProblem(message.text);
      case "begun":
      case "joined":
      case "gathered":
      case "polled":
      case "closed":
      case "readBack":
        return;
    }
  }
}

class Host {
  starts = 0;
  up = false;
  readonly eventFiles: string[] = [];
  #child: ChildProcess | null = null;
  #ending = false;

  constructor(
    readonly index: number,
    private readonly heard: (message: FromHost) => void,
  ) {}

  async start(plan: HostPlan, sending: boolean): Promise<void> {
    this.starts += 1;
    this.eventFiles.push(plan.events);
    // A group of its own: Ctrl-C on the terminal is for the bench.
    const child = fork(new URL("./host-process.js", import.meta.url), {
      stdio: ["ignore", 2, 2, "ipc"],
      detached: true,
    });
    this.#child = child;
    child.setMaxListeners(0);
    child.on("message", (message: FromHost) => {
      if (this.#child === child) this.heard(message);
    });
    child.once("exit", (code, signal) => {
      if (this.#child !== child || this.#ending) return;
      this.up = false;
      this.heard({
        type: "problem",
        text: `clients' process ${this.index} ended with ${code ?? signal ?? ""}`,
      });
    });
    await this.ask({ type: "begin", plan, sending }, "begun");
    this.up = true;
  }

  tell(message: ToHost): void {
    if (this.#child?.connected) this.#child.send(message);
  }

  ask<Type extends FromHost["type"]>(question: ToHost, type: Type): Promise<Told<Type>> {
    const child = this.#child;
    if (child === null) throw new Error(`clients' process ${this.index} does not run`);
    return new Promise((resolve, reject) => {
      const messageOnChild = (message: FromHost): void => {
        if (message.type === type) done(() => resolve(message as Told<Type>));
      };
      const exitOnChild = (): void => {
        done(() =>
          reject(new Error(`clients' process ${this.index} ended while it was asked to ${question.type}`)),
        );
      };
      const done = (settle: () => void): void => {
        child.off("message", messageOnChild);
        child.off("exit", exitOnChild);
        settle();
      };
      child.on("message", messageOnChild);
      child.once("exit", exitOnChild);
      child.send(question);
    });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    this.up = false;
    if (child === null || child.exitCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  /** Lets it end by itself, if it does so soon. */
  async end(): Promise<void> {
    this.#ending = true;
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
    this.tell({ type: "end" });
    await exited;
    clearTimeout(timer);
  }
}
