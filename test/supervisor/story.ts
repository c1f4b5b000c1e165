/** Tells the supervisor's state machine a story in virtual time and remembers what it did. */
import { readFileSync } from "node:fs";
import type { Timeouts } from "../../src/config.js";
import type { Incarnation, ServerId } from "../../src/protocol/ids.js";
import type { FleetOrder, Listening, ThreadStatus } from "../../src/protocol/threads.js";
import {
  initialState,
  type Effect,
  type Event,
  type State,
  type Thread,
  type ThreadEvent,
  type ThreadPlan,
} from "../../src/supervisor/state.js";
import { step } from "../../src/supervisor/step.js";

export const timeouts: Timeouts = {
  ...(
    JSON.parse(readFileSync(new URL("../../../config/globals.json", import.meta.url), "utf8")) as {
      timeouts: Timeouts;
    }
  ).timeouts,
  heartbeatMs: 1000,
  hungMs: 5000,
  prepareMs: 2000,
  startMs: 30_000,
  restartMinMs: 100,
  restartMaxMs: 10_000,
  stopMs: 4000,
  drainMs: 60_000,
};

export const CHAT_1 = "chat-1" as ServerId;
export const CHAT_2 = "chat-2" as ServerId;
export const CHAT_3 = "chat-3" as ServerId;

export const EMBEDDED: readonly ThreadPlan[] = [
  { kind: "chat", id: CHAT_1, port: 0 },
  { kind: "chat", id: CHAT_2, port: 0 },
  { kind: "chat", id: CHAT_3, port: 0 },
  { kind: "balancer", id: "balancer", port: 7440 },
  { kind: "archive", id: "archive", port: 0 },
  { kind: "database", id: "database-service", port: 0 },
  { kind: "database", id: "database-archive", port: 0 },
];

/** As short texts: what a story expects is read at a glance. */
function told(effect: Effect): string {
  switch (effect.type) {
    case "spawn":
      return `spawn ${effect.plan.id}${effect.port === 0 ? "" : ` on ${effect.port}`}`;
    case "terminate":
      return `terminate ${effect.thread}`;
    case "post": {
      const { thread, message } = effect;
      switch (message.type) {
        case "prepare":
        case "activate":
          return `${thread}: ${message.type} ${message.view.number} of ${message.view.members.map(({ id }) => id).join()}`;
        case "unlink":
          return `${thread}: unlink ${message.peer} ${message.incarnation}`;
        case "serverGone":
          return `${thread}: serverGone ${message.id} ${message.incarnation}`;
        case "archive":
          return `${thread}: archive on ${message.listening.port}`;
        case "fleet":
          return `${thread}: fleet`;
        case "ordered":
          return `${thread}: order ${message.ref} ${message.error === null ? "taken up" : message.error.code}`;
        case "ping":
        case "stop":
          return `${thread}: ${message.type}`;
      }
      break;
    }
    case "mesh":
      return `mesh ${effect.one.id} ${effect.other.id}`;
    case "introduce":
      return `introduce ${effect.server.id} ${effect.server.incarnation} to ${effect.balancer}`;
    case "announce":
      return `announce ${effect.listening.port}`;
    case "finish":
      return `finish ${effect.error === null ? "as asked" : `${effect.error.code}: ${effect.error.message}`}`;
    case "log":
      return `log ${effect.level}: ${effect.message}`;
    case "migrate":
      return "migrate";
  }
  throw new Error("an effect that no story tells of");
}

export class Story {
  state: State;
  now = 0;
  /** Levels and messages of the log. */
  readonly logged: string[] = [];
  /** What the balancer was told of all threads, each time. */
  readonly fleets: (readonly ThreadStatus[])[] = [];
  /** Whether it was told that a rebalance goes on, each time. */
  readonly rebalancing: boolean[] = [];

  constructor(
    readonly plans: readonly ThreadPlan[] = EMBEDDED,
    portBase = 0,
  ) {
    this.state = initialState(plans, timeouts, portBase);
  }

  /** What the supervisor did on an event; log lines, and what it told the balancer of all threads, aside. */
  on(event: Event | { type: Event["type"] }): string[] {
    const { state, effects } = step(this.state, { now: this.now, ...event } as Event);
    this.state = state;
    for (const effect of effects) {
      if (effect.type !== "post" || effect.message.type !== "fleet") continue;
      this.fleets.push(effect.message.threads);
      this.rebalancing.push(effect.message.rebalancing);
    }
    const all = effects.map(told).filter((text) => !text.endsWith(": fleet"));
    this.logged.push(...all.filter((text) => text.startsWith("log ")).map((text) => text.slice(4)));
    return all.filter((text) => !text.startsWith("log "));
  }

  from(id: string, event: ThreadEvent, run = this.thread(id).run): string[] {
    return this.on({ ...event, thread: id, run, now: this.now });
  }

  ready(id: string): string[] {
    const { plan, run } = this.thread(id);
    const listening: Listening | null =
      plan.kind === "database" ? null : { host: "127.0.0.1", port: plan.port || this.#freePort(id) };
    return this.from(id, { type: "ready", listening, incarnation: `${id}.${run}` as Incarnation });
  }

  #freePort(id: string): number {
    const place = this.plans.findIndex((plan) => plan.id === id);
    return place === -1 ? 9100 + Number(id.replace("chat-", "")) : 9000 + place;
  }

  exits(id: string, reason: string | null = null): string[] {
    return this.from(id, { type: "exited", reason });
  }

  prepared(id: string, view = this.state.view.number): string[] {
    return this.from(id, { type: "prepared", view });
  }

  /** An operator's order, by way of the balancer. */
  order(order: FleetOrder): string[] {
    return this.from("balancer", { type: "order", ref: this.#orders++, order });
  }

  #orders = 1;

  /** The balancer says that nobody is left on a server. */
  empties(id: ServerId): string[] {
    const incarnation = `${id}.${this.thread(id).run}` as Incarnation;
    return this.from("balancer", { type: "emptied", id, incarnation });
  }

  /** The last that the balancer was told of the chat servers: `chat-1 running serving`. */
  get servers(): string[] {
    const threads = this.fleets.at(-1) ?? [];
    return threads.filter(({ kind }) => kind === "chat").map(({ id, life, duty }) => `${id} ${life} ${duty}`);
  }

  /** Lets time pass, woken whenever the supervisor asked to be; live threads answer its pings but those named. */
  pass(ms: number, silent: readonly string[] = []): string[] {
    const until = this.now + ms;
    const all: string[] = [];
    while (this.state.wakeAt <= until) {
      this.now = Math.max(this.now, this.state.wakeAt);
      const did = this.on({ type: "wake" });
      all.push(...did.filter((text) => !text.endsWith(": ping")));
      for (const text of did) {
        const id = text.replace(/: ping$/, "");
        if (id !== text && !silent.includes(id)) this.from(id, { type: "pong" });
      }
    }
    this.now = until;
    return all;
  }

  thread(id: string): Thread {
    const found = this.state.threads.find(({ plan }) => plan.id === id);
    if (found === undefined) throw new Error(`no thread ${id}`);
    return found;
  }

  /** A story that begins once everything runs. */
  static running(portBase = 0, plans = EMBEDDED): Story {
    const story = new Story(plans, portBase);
    story.on({ type: "begin" });
    story.ready("database-service");
    story.ready("database-archive");
    story.on({ type: "migrated" });
    for (const id of [CHAT_1, CHAT_2, CHAT_3, "archive", "balancer"]) story.ready(id);
    for (const id of [CHAT_1, CHAT_2, CHAT_3]) story.prepared(id);
    if (story.state.stage.at !== "running") throw new Error("the story does not begin");
    story.logged.length = 0;
    return story;
  }
}
