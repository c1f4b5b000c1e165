/**
 * Schedules: what people do and what goes wrong, drawn from a seed as an explicit list, so that a list that fails can be
 * made shorter. The rest of chance (how long each thing takes) is drawn while it runs, from the same seed.
 */
import type { Limits, Timeouts } from "../../src/config.js";
import { Chance } from "./chance.js";
import { drawFleetChanges } from "./fleet-schedule.js";
import { drawMoves } from "./move-schedule.js";
import { drawGroupActions, drawGroups, type PlannedGroup } from "./group-schedule.js";
import type { Pace } from "./world.js";

/** `at`: milliseconds from the beginning. `forMs`: after which it is over. */
export type Action = { readonly at: number } & (
  | {
      readonly do: "send";
      /** A device. */ readonly from: string;
      readonly to: string;
      readonly text: string;
    }
  | {
      readonly do: "changeGroup";
      readonly title: string;
      /** A device of one of the admins. */ readonly by: string;
      readonly action: "add" | "remove";
      readonly who: string;
    }
  | Fault
);

export type Fault =
  /** A person's connection breaks: of what is on its way some bytes still arrive. */
  | { readonly do: "cut"; readonly who: string; readonly to: "chat" | "archive" }
  /** It goes deaf, and nobody is told. */
  | { readonly do: "halfOpen"; readonly who: string; readonly to: "chat" | "archive" }
  /** The device changes its network: it knows, and the service does not. */
  | { readonly do: "roam"; readonly who: string }
  | { readonly do: "stopReading"; readonly who: string; readonly forMs: number }
  | { readonly do: "offline"; readonly who: string; readonly silently: boolean; readonly forMs: number }
  | { readonly do: "killClient"; readonly who: string; readonly forMs: number }
  | { readonly do: "clientDiskFull"; readonly who: string; readonly forMs: number }
  | { readonly do: "clientClock"; readonly who: string; readonly byMs: number }
  /** One way of a connection stands still; the other does not. */
  | { readonly do: "stall"; readonly who: string; readonly way: "up" | "down"; readonly forMs: number }
  | { readonly do: "killThread"; readonly thread: string }
  | { readonly do: "hangThread"; readonly thread: string; readonly forMs: number }
  /** What the supervisor tells a thread comes late. */
  | { readonly do: "lateNews"; readonly thread: string; readonly forMs: number }
  | { readonly do: "databaseAway"; readonly database: DatabaseName; readonly forMs: number }
  | { readonly do: "databaseStalls"; readonly database: DatabaseName; readonly forMs: number }
  | { readonly do: "databaseFull"; readonly database: DatabaseName; readonly forMs: number }
  | { readonly do: "lostAnswers"; readonly database: DatabaseName; readonly count: number }
  | {
      readonly do: "slowCommits";
      readonly database: DatabaseName;
      readonly ms: number;
      readonly forMs: number;
    }
  | { readonly do: "serverClock"; readonly byMs: number }
  /** The whole process is killed, and started again. */
  | { readonly do: "crash"; readonly forMs: number }
  /** It is asked to stop, and started again. */
  | { readonly do: "restart" }
  /** An operator has servers come and go. Where that cannot be done it is refused. */
  | { readonly do: "scale"; readonly servers: number }
  | { readonly do: "drain"; readonly server: string }
  | { readonly do: "resume"; readonly server: string }
  /** The balancer has a person's sessions go on at another server. */
  | { readonly do: "move"; readonly who: string; readonly server: string }
  /** An operator has the load evened out. */
  | { readonly do: "rebalance" };

export type DatabaseName = "service" | "archive";
export type FaultKind = Fault["do"];

export interface Setting {
  readonly servers: number;
  readonly strategy: string;
  readonly embedded: boolean;
  readonly pace: Pace;
  readonly limits: Partial<Limits>;
  readonly timeouts: Partial<Timeouts>;
}

export interface Schedule {
  readonly seed: number;
  /** Their names, which are those of their first devices too. */
  readonly people: readonly string[];
  /** Those who have a second device. */
  readonly onTwoDevices: readonly string[];
  readonly groups: readonly PlannedGroup[];
  readonly setting: Setting;
  /** In the order of their times. */
  readonly actions: readonly Action[];
}

export interface ScheduleSize {
  readonly people: number;
  readonly messages: number;
  /** At least. */
  readonly faults: number;
}

export const FULL_SIZE: ScheduleSize = { people: 10, messages: 200, faults: 5 };

const NAMES = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"];
const MOST_FAULTS = 24;
/** Share of the people who have two devices, where anybody has. */
const ON_TWO_DEVICES = 0.4;

export function isFault(action: Action): action is Action & Fault {
  return action.do !== "send" && action.do !== "changeGroup";
}

export function drawSchedule(seed: number, size: ScheduleSize = FULL_SIZE): Schedule {
  const chance = new Chance(seed).fork("schedule");
  const people = NAMES.slice(0, size.people);
  const setting = drawSetting(chance.fork("setting"));
  const lengthMs = chance.one([4_000, 15_000, 40_000]);
  const actions = [
    ...drawMessages(chance.fork("messages"), people, size.messages, lengthMs),
    ...drawFaults(chance.fork("faults"), people, chance.between(size.faults, MOST_FAULTS), lengthMs),
  ];
  const groups = drawGroups(chance.fork("groups"), people);
  for (const group of groups) {
    actions.push(
      ...drawGroupActions(chance.fork(`in ${group.title}`), group, people, size.messages, lengthMs),
    );
  }
  const fleet = drawFleetChanges(chance.fork("fleet"), lengthMs);
  actions.push(...fleet.actions);
  const moves = drawMoves(chance.fork("moves"), people, lengthMs);
  actions.push(...moves.actions);
  const devices = chance.fork("devices");
  // On half of the seeds everybody has one device; from its own stream, so that all else is drawn as if nobody had more.
  const onTwoDevices = devices.is(0.5) ? [] : people.filter(() => devices.is(ON_TWO_DEVICES));
  return {
    seed,
    people,
    onTwoDevices,
    groups,
    setting: {
      ...setting,
      limits: { ...setting.limits, ...moves.limits },
      timeouts: { ...setting.timeouts, ...fleet.timeouts, ...moves.timeouts },
    },
    actions: actions
      .map((action) => onEitherDevice(action, onTwoDevices, devices))
      .sort((one, other) => one.at - other.at),
  };
}

/** What that person's second device is called. */
export function secondDeviceOf(user: string): string {
  return `${user}'s other device`;
}

/** What somebody with two devices does, or is done to, happens to either. */
function onEitherDevice(action: Action, onTwoDevices: readonly string[], chance: Chance): Action {
  const deviceOf = (user: string): string =>
    onTwoDevices.includes(user) && chance.is(0.5) ? secondDeviceOf(user) : user;
  if (action.do === "send") return { ...action, from: deviceOf(action.from) };
  if (action.do === "changeGroup") return { ...action, by: deviceOf(action.by) };
  return "who" in action ? { ...action, who: deviceOf(action.who) } : action;
}

/** Small limits on some seeds, so that their edges are met. */
function drawSetting(chance: Chance): Setting {
  const some = <T>(values: readonly T[]): T => chance.one(values);
  return {
    servers: 3,
    strategy: some(["least-busy", "round-robin", "random", "power-of-two-choices"]),
    embedded: chance.is(0.5),
    pace: {
      networkMs: some([2, 10, 80]),
      threadMs: some([1, 5, 40]),
      databaseMs: some([1, 8, 60]),
      diskMs: some([1, 5]),
      startMs: some([50, 500]),
    },
    limits: {
      // A few messages' bytes. What a session may have on its way must fit into what its server may.
      ...some([{ sendWindowBytes: 4_096, unsettledBytes: some([4_096, 16_384]) }, {}, {}]),
      sendWindow: some([2, 8, 256]),
      catchUpWindow: some([2, 4, 128]),
      heldPerMailbox: some([2, 16, 1024]),
      pendingPerAccount: some([8, 100_000, 100_000, 100_000]),
      idleMailboxes: some([1, 10_000]),
      writeBatchRows: some([1, 3, 512]),
      linkWindowBytes: some([1024, 16_384, 16_777_216]),
      socketBufferBytes: some([2048, 16_384, 1_048_576]),
    },
    timeouts: {
      ackMs: some([500, 3_000, 10_000]),
      idleMs: some([4_000, 20_000]),
      prepareMs: some([400, 2_000]),
      heartbeatMs: 1_000,
      hungMs: some([2_000, 4_000]),
      restartMinMs: 50,
      restartMaxMs: some([400, 5_000]),
      databaseMs: some([1_000, 10_000]),
      sweepMs: 5_000,
      stopMs: some([1_000, 4_000]),
    },
  };
}

function drawMessages(
  chance: Chance,
  people: readonly string[],
  count: number,
  lengthMs: number,
): readonly Action[] {
  const actions: Action[] = [];
  // Some write to many, some much to one: both orders and full queues are met.
  const popular = chance.one(people);
  while (actions.length < count) {
    const from = chance.one(people);
    const others = people.filter((name) => name !== from);
    const to = popular !== from && chance.is(0.3) ? popular : chance.one(others);
    const at = chance.below(lengthMs);
    const burst = chance.is(0.2) ? chance.between(2, 12) : 1;
    for (let i = 0; i < burst && actions.length < count; i++) {
      actions.push({ at, do: "send", from, to, text: `${from}>${to} ${actions.length + 1}` });
    }
  }
  return actions;
}

function drawFaults(
  chance: Chance,
  people: readonly string[],
  count: number,
  lengthMs: number,
): readonly Action[] {
  return Array.from({ length: count }, () => ({
    at: chance.below(lengthMs),
    ...drawFault(chance, people),
  }));
}

const THREADS = ["chat-1", "chat-2", "chat-3"];
const DATABASES = ["service", "archive"] as const;

function drawFault(chance: Chance, people: readonly string[]): Fault {
  const who = chance.one(people);
  const to = chance.is(0.7) ? "chat" : "archive";
  const database = chance.is(0.7) ? "service" : chance.one(DATABASES);
  const forMs = chance.one([50, 500, 2_000, 6_000]) + chance.below(500);
  const chatThread = chance.one(THREADS);
  const thread = chance.is(0.7) ? chatThread : chance.one(["balancer", "archive"]);
  switch (chance.one(WEIGHTED)) {
    case "cut":
      return { do: "cut", who, to };
    case "halfOpen":
      return { do: "halfOpen", who, to };
    case "roam":
      return { do: "roam", who };
    case "stopReading":
      return { do: "stopReading", who, forMs };
    case "offline":
      return { do: "offline", who, silently: chance.is(0.5), forMs };
    case "killClient":
      return { do: "killClient", who, forMs };
    case "clientDiskFull":
      return { do: "clientDiskFull", who, forMs };
    case "clientClock":
      return { do: "clientClock", who, byMs: drawJump(chance) };
    case "stall":
      return { do: "stall", who, way: chance.one(["up", "down"]), forMs };
    case "killThread":
      return { do: "killThread", thread };
    case "hangThread":
      return { do: "hangThread", thread, forMs };
    case "lateNews":
      return { do: "lateNews", thread: chatThread, forMs };
    case "databaseAway":
      return { do: "databaseAway", database, forMs };
    case "databaseStalls":
      return { do: "databaseStalls", database, forMs };
    case "databaseFull":
      return { do: "databaseFull", database, forMs };
    case "lostAnswers":
      return { do: "lostAnswers", database, count: chance.between(1, 3) };
    case "slowCommits":
      return { do: "slowCommits", database, ms: chance.one([300, 3_000]), forMs };
    case "serverClock":
      return { do: "serverClock", byMs: drawJump(chance) };
    case "crash":
      return { do: "crash", forMs };
    case "restart":
      return { do: "restart" };
    case "scale":
    case "drain":
    case "resume":
    case "move":
    case "rebalance":
      throw new Error("an order was drawn among the faults");
  }
}

/** How often each kind is drawn, beside the others. Orders and moves are drawn apart (fleet-schedule.ts, move-schedule.ts). */
const WEIGHTS: Readonly<Record<FaultKind, number>> = {
  cut: 4,
  halfOpen: 3,
  roam: 4,
  stopReading: 3,
  offline: 3,
  killClient: 4,
  clientDiskFull: 1,
  clientClock: 1,
  stall: 3,
  killThread: 6,
  hangThread: 3,
  lateNews: 2,
  databaseAway: 2,
  databaseStalls: 2,
  databaseFull: 2,
  lostAnswers: 2,
  slowCommits: 3,
  serverClock: 1,
  crash: 1,
  restart: 1,
  scale: 0,
  drain: 0,
  resume: 0,
  move: 0,
  rebalance: 0,
};
const WEIGHTED = (Object.keys(WEIGHTS) as FaultKind[]).flatMap((kind) =>
  Array.from({ length: WEIGHTS[kind] }, () => kind),
);
export const FAULT_KINDS = Object.keys(WEIGHTS) as readonly FaultKind[];

function drawJump(chance: Chance): number {
  const sign = chance.is(0.5) ? 1 : -1;
  return sign * chance.one([1_500, 30_000, 3_600_000]);
}
