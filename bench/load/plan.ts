/**
 * What a run will do, drawn from its seed before anything is measured: who there is, who writes to whom at which moment and how
 * much, and who comes and goes. The same seed and options give the same plan.
 *
 * It is an **open loop**: the moments of sending are those of a Poisson process of the offered rate, and do not wait for
 * answers; who is late is late by the plan.
 */
import { Chance } from "../simulation/chance.js";

export const WORKLOADS = ["pairs", "zipf", "groups", "churn", "storm"] as const;
export type Workload = (typeof WORKLOADS)[number];

export interface SizeRange {
  readonly least: number;
  readonly most: number;
}

export interface PlanOptions {
  readonly seed: number;
  readonly clients: number;
  readonly workload: Workload;
  /** Messages a second, of all together. */
  readonly rate: number;
  /** Seconds before the measurement begins, and that it takes. */
  readonly warmup: number;
  readonly seconds: number;
  /** Bytes of a text: drawn from here to there, both included. */
  readonly size: SizeRange;
  /** Share of the people who are away until the end, 0 to 1. */
  readonly offline: number;
  /** Exponent of `zipf`. */
  readonly zipf: number;
  /** Members of the groups of `groups`, of which people fill one after the other. */
  readonly groupSizes: readonly number[];
}

export interface PlannedPerson {
  readonly number: number;
  readonly name: string;
  /** Away until everything is sent. */
  readonly offline: boolean;
}

export interface PlannedGroup {
  readonly title: string;
  /** Numbers of people; the first makes it, and is not away. */
  readonly members: readonly number[];
}

export interface PlannedSend {
  /** When it should be sent, in milliseconds from the beginning of the warm-up. */
  readonly at: number;
  /** Number of a person. */
  readonly from: number;
  /** Likewise; or the number of a group, its place in the plan. */
  readonly to: number;
  readonly toGroup: boolean;
  /** Of its text. */
  readonly bytes: number;
}

/** Somebody ends their session, or everybody does at once, and comes back. */
export interface PlannedBreak {
  readonly at: number;
  readonly person: number;
  /** How long they stay away, in milliseconds. */
  readonly awayMs: number;
}

export interface LoadPlan {
  readonly people: readonly PlannedPerson[];
  readonly groups: readonly PlannedGroup[];
  /** In order. */
  readonly sends: readonly PlannedSend[];
  /** In order. */
  readonly breaks: readonly PlannedBreak[];
  /** From here to there messages are measured, in milliseconds from the beginning of the warm-up. */
  readonly measured: { readonly from: number; readonly to: number };
}

/** With `zipf`: how many others each writes to; each of them is looked up and pinned once. */
const CONTACTS = 8;
/** With `churn`: everybody leaves so often a minute, on average, and is away for so long. */
const LEAVES_PER_MINUTE = 1;
const AWAY_MS = 3_000;

export function planLoad(options: PlanOptions): LoadPlan {
  const { seed, clients, workload, rate, warmup, seconds, offline, zipf, groupSizes, size } = options;
  const chance = new Chance(seed);
  const away = new Set(pick(chance.fork("offline"), clients, Math.round(clients * offline)));
  const people = Array.from({ length: clients }, (_, number) => ({
    number,
    name: `p${String(number).padStart(5, "0")}`,
    offline: away.has(number),
  }));
  const senders = people.filter((person) => !person.offline).map(({ number }) => number);
  const length = (warmup + seconds) * 1000;
  const groups =
    workload === "groups" ? planGroups(chance.fork("groups"), clients, new Set(senders), groupSizes) : [];
  const pairOf =
    workload === "zipf"
      ? zipfPairs(chance, clients, senders, zipf)
      : workload === "groups"
        ? groupPairs(chance, senders, groups)
        : pairs(chance, clients, senders);
  const times = chance.fork("times");
  const sizes = chance.fork("sizes");
  const sends: PlannedSend[] = [];
  for (let at = nextAfter(times, 0, rate); at < length; at = nextAfter(times, at, rate)) {
    const bytes = sizes.between(size.least, size.most);
    sends.push({ at, ...pairOf(), toGroup: groups.length > 0, bytes });
  }
  return {
    people,
    groups,
    sends,
    breaks: planBreaks(chance.fork("breaks"), workload, senders, warmup * 1000, length),
    measured: { from: warmup * 1000, to: length },
  };
}

/** What the message is called that is sent so: its place in the plan. */
export function messageName(index: number): string {
  return `m${index}`;
}

/** What the plan has for a message of that name. */
export function plannedSend({ sends }: LoadPlan, message: string): PlannedSend | null {
  return sends[Number(message.slice(1))] ?? null;
}

/** The next event of a Poisson process. @param rate a second */
function nextAfter(chance: Chance, at: number, rate: number): number {
  return at - (Math.log(1 - chance.next()) * 1000) / rate;
}

/** Everybody writes to one other, and is written to by that one; of three at the end each to the next. */
function pairs(chance: Chance, clients: number, senders: readonly number[]) {
  const order = pick(chance.fork("pairs"), clients, clients);
  const partner = new Map<number, number>();
  for (let index = 0; index < clients; index += 2) {
    const [one, other = order[0]] = [order[index], order[index + 1]];
    if (one === undefined || other === undefined) continue;
    partner.set(one, other);
    if (!partner.has(other)) partner.set(other, one);
  }
  const draws = chance.fork("senders");
  return (): { from: number; to: number } => {
    const from = draws.one(senders);
    return { from, to: partner.get(from) ?? from };
  };
}

/** Everybody is in one group; they are filled one after the other, with as many as their sizes in turn say. */
function planGroups(
  chance: Chance,
  clients: number,
  present: ReadonlySet<number>,
  sizes: readonly number[],
): readonly PlannedGroup[] {
  const left = pick(chance, clients, clients);
  const groups: PlannedGroup[] = [];
  while (left.length > 0) {
    const size = sizes[groups.length % sizes.length] ?? left.length;
    // Nobody stays behind alone.
    const members = left.splice(0, left.length - size === 1 ? size + 1 : size);
    const maker = members.find((person) => present.has(person)) ?? members[0];
    if (maker === undefined) break;
    const others = members.filter((person) => person !== maker);
    groups.push({ title: `g${String(groups.length).padStart(5, "0")}`, members: [maker, ...others] });
  }
  return groups;
}

/** Everybody writes to the group that they are in. */
function groupPairs(chance: Chance, senders: readonly number[], groups: readonly PlannedGroup[]) {
  const groupOf = new Map(
    groups.flatMap(({ members }, number) => members.map((member) => [member, number] as const)),
  );
  const draws = chance.fork("senders");
  return (): { from: number; to: number } => {
    const from = draws.one(senders);
    return { from, to: groupOf.get(from) ?? 0 };
  };
}

/** Few write most: the sender of rank r writes with a chance that goes with 1 / r^s, each to one of a few others. */
function zipfPairs(chance: Chance, clients: number, senders: readonly number[], exponent: number) {
  const ranked = pick(chance.fork("ranks"), senders.length, senders.length).map(
    (at) => senders[at] as number,
  );
  const weights = ranked.map((_, rank) => (rank + 1) ** -exponent);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  const upTo = weights.map((weight) => (sum += weight / total));
  const contacts = new Map(
    ranked.map((person) => {
      const own = chance.fork(`contacts of ${person}`);
      const others = new Set<number>();
      while (others.size < Math.min(CONTACTS, clients - 1)) {
        const other = own.below(clients);
        if (other !== person) others.add(other);
      }
      return [person, [...others]] as const;
    }),
  );
  const draws = chance.fork("senders");
  return (): { from: number; to: number } => {
    const from = ranked[firstAtLeast(upTo, draws.next())] as number;
    return { from, to: draws.one(contacts.get(from) ?? []) };
  };
}

/** The first place in ascending numbers that is at least so much; the last where none is. */
function firstAtLeast(ascending: readonly number[], least: number): number {
  let [low, high] = [0, ascending.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] as number) >= least) high = middle;
    else low = middle + 1;
  }
  return low;
}

function planBreaks(
  chance: Chance,
  workload: Workload,
  people: readonly number[],
  from: number,
  to: number,
): PlannedBreak[] {
  if (workload === "storm") {
    const at = from + (to - from) / 2;
    return people.map((person) => ({ at, person, awayMs: 0 }));
  }
  if (workload !== "churn") return [];
  const breaks: PlannedBreak[] = [];
  const rate = (people.length * LEAVES_PER_MINUTE) / 60;
  /** Nobody leaves who is away. */
  const backAt = new Map<number, number>();
  for (let at = nextAfter(chance, from, rate); at < to - AWAY_MS; at = nextAfter(chance, at, rate)) {
    const person = chance.one(people);
    if ((backAt.get(person) ?? 0) > at) continue;
    const awayMs = -Math.log(1 - chance.next()) * AWAY_MS;
    // Some time to come back, before leaving again.
    backAt.set(person, at + awayMs + AWAY_MS);
    breaks.push({ at, person, awayMs });
  }
  return breaks;
}

/** So many different numbers below a limit, in random order. */
function pick(chance: Chance, below: number, count: number): number[] {
  const numbers = Array.from({ length: below }, (_, number) => number);
  for (let index = 0; index < count; index++) {
    const other = index + chance.below(below - index);
    [numbers[index], numbers[other]] = [numbers[other] as number, numbers[index] as number];
  }
  return numbers.slice(0, count);
}
