/** What is broken when: a pure function of the seed, so that a run can be had again. */
import { Chance } from "../simulation/chance.js";

export const THREAD_KINDS = ["chat", "balancer", "archive", "database"] as const;
export type ThreadKind = (typeof THREAD_KINDS)[number];

/** One thing to break. Threads go by the names that the supervisor gives them, people by their number from 0. */
export type Break =
  /** The thread is ended where it stands. */
  | { readonly do: "end"; readonly of: ThreadKind; readonly thread: string }
  /** The thread's event loop stands still. */
  | { readonly do: "block"; readonly of: ThreadKind; readonly thread: string; readonly ms: number }
  /** SIGSTOP, and SIGCONT after a while. */
  | { readonly do: "suspend"; readonly ms: number }
  /** SIGKILL of the whole system, and a new start. */
  | { readonly do: "kill" }
  /** SIGKILL of a process with clients, and a new start. */
  | { readonly do: "killClients"; readonly host: number }
  /** All connections to PostgreSQL are cut. */
  | { readonly do: "cutDatabase" }
  /** They are cut, and no new one is taken for a while. */
  | { readonly do: "refuseDatabase"; readonly ms: number }
  /** All sockets of these people are cut, each after so many more bytes. */
  | { readonly do: "cutSockets"; readonly people: readonly number[]; readonly bytes: number }
  /** Nothing passes these people's sockets any more, and nobody is told. */
  | { readonly do: "halfOpen"; readonly people: readonly number[] }
  /** Somebody's client reads nothing for a while, and gets a lot. */
  | { readonly do: "stopReading"; readonly people: readonly number[]; readonly ms: number }
  /** Frames of messages and acknowledgements come and go twice. */
  | { readonly do: "doubleFrames"; readonly people: readonly number[]; readonly ms: number }
  /** Frames come and go later, in their order. */
  | {
      readonly do: "delayFrames";
      readonly people: readonly number[];
      readonly ms: number;
      readonly delayMs: number;
    }
  /** The system's clock is so far off from now on. */
  | { readonly do: "jumpSystemClock"; readonly offsetMs: number }
  | { readonly do: "jumpClientClocks"; readonly people: readonly number[]; readonly offsetMs: number };

export interface Fault {
  /** Milliseconds after the first message. */
  readonly at: number;
  readonly kind: string;
  readonly what: Break;
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly people: number;
  readonly hosts: number;
  readonly servers: number;
  /** Whether the databases are threads of the system; else they are PostgreSQL's. */
  readonly embedded: boolean;
  /** From which on a blocked thread counts as dead, in milliseconds. */
  readonly hungMs: number;
}

/** Faults of each kind in five minutes. */
const COUNTS: Readonly<Record<string, number>> = {
  "end chat": 8,
  "end balancer": 4,
  "end archive": 5,
  "end database": 5,
  "block chat": 5,
  "block balancer": 4,
  "block archive": 4,
  "block database": 4,
  suspend: 4,
  kill: 9,
  killClients: 5,
  cutDatabase: 7,
  refuseDatabase: 5,
  cutSockets: 14,
  halfOpen: 5,
  stopReading: 4,
  doubleFrames: 8,
  delayFrames: 8,
  jumpSystemClock: 6,
  jumpClientClocks: 6,
};
const FULL_MINUTES = 5;
const EMBEDDED_ONLY = new Set(["end database", "block database"]);
const POSTGRES_ONLY = new Set(["cutDatabase", "refuseDatabase"]);
/** Of every so many blocks of one kind of thread one is so long that the thread counts as dead. */
const LONG_BLOCKS = 3;
const HOUR_MS = 3_600_000;

/** @returns the faults in the order of time */
export function makeSchedule(options: ScheduleOptions): Fault[] {
  const chance = new Chance(options.seed).fork("faults");
  const runMs = options.minutes * 60_000;
  const faults = Object.entries(COUNTS).flatMap(([kind, inFull]) => {
    if ((options.embedded ? POSTGRES_ONLY : EMBEDDED_ONLY).has(kind)) return [];
    const count = Math.ceil((inFull * options.minutes) / FULL_MINUTES);
    const own = chance.fork(kind);
    return Array.from({ length: count }, (_, index): Fault => {
      // Each in a slice of the time of its own, so that no kind comes all at once.
      const at = Math.floor(((index + own.next()) / count) * runMs);
      return { at, kind, what: breakOf(kind, index, own, options) };
    });
  });
  return faults.sort((one, other) => one.at - other.at || (one.kind < other.kind ? -1 : 1));
}

function breakOf(kind: string, index: number, chance: Chance, options: ScheduleOptions): Break {
  const { people, hosts, hungMs } = options;
  const some = (least: number, most: number): number[] => peopleOf(chance, people, least, most);
  switch (kind) {
    case "suspend":
      return { do: kind, ms: chance.between(1_000, 6_000) };
    case "kill":
    case "cutDatabase":
      return { do: kind };
    case "killClients":
      return { do: kind, host: chance.below(hosts) };
    case "refuseDatabase":
      return { do: kind, ms: chance.between(1_000, 6_000) };
    case "cutSockets":
      return { do: kind, people: some(5, 40), bytes: chance.below(4_000) };
    case "halfOpen":
      return { do: kind, people: some(3, 15) };
    case "stopReading":
      return { do: kind, people: some(1, 1), ms: chance.between(4_000, 10_000) };
    case "doubleFrames":
      return { do: kind, people: some(10, 60), ms: chance.between(2_000, 8_000) };
    case "delayFrames":
      return {
        do: kind,
        people: some(10, 60),
        ms: chance.between(2_000, 8_000),
        delayMs: chance.between(50, 1_500),
      };
    case "jumpSystemClock":
      return { do: kind, offsetMs: jump(index, chance) };
    case "jumpClientClocks":
      return { do: kind, people: some(10, 60), offsetMs: jump(index, chance) };
    default: {
      const [verb, of] = kind.split(" ") as ["end" | "block", ThreadKind];
      const thread = threadOf(of, index, chance, options);
      if (verb === "end") return { do: verb, of, thread };
      const long = index % LONG_BLOCKS === 0;
      const ms = long
        ? hungMs + chance.between(1_000, 3_000)
        : chance.between(500, Math.min(4_000, hungMs / 2));
      return { do: verb, of, thread, ms };
    }
  }
}

function threadOf(of: ThreadKind, index: number, chance: Chance, { servers }: ScheduleOptions): string {
  switch (of) {
    case "chat":
      return `chat-${chance.between(1, servers)}`;
    case "database":
      return index % 2 === 0 ? "database-service" : "database-archive";
    case "balancer":
    case "archive":
      return of;
  }
}

/** By hours, forwards and backwards in turns. */
function jump(index: number, chance: Chance): number {
  return (index % 2 === 0 ? 1 : -1) * chance.between(1, 24) * HOUR_MS + chance.below(HOUR_MS);
}

/** Different people, in the order of their numbers. */
function peopleOf(chance: Chance, people: number, least: number, most: number): number[] {
  const count = Math.min(people, chance.between(least, most));
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(chance.below(people));
  return [...chosen].sort((one, other) => one - other);
}

/** How many faults of each kind, by name. */
export function countByKind(faults: readonly Pick<Fault, "kind">[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of faults) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
