/**
 * The planner: which sessions go on where, so that servers that are to be empty become so, and the others carry the
 * same. A pure function; mover.ts has done what it plans.
 *
 * Every planned move makes things better by itself, so that a plan ends: one from a server that is to be empty leaves
 * fewer there; one for the sake of connections takes a session from the server with more of them to one with at least
 * two fewer; one for the sake of messages, or two that exchange sessions, leaves connections as even as they were and
 * brings two servers' messages closer together.
 */
import type { ServerId, SessionNumber } from "../protocol/ids.js";
import type { Duty } from "../protocol/threads.js";

export interface PlanSession {
  readonly session: SessionNumber;
  readonly messagesPerSecond: number;
}

export interface PlanServer {
  readonly id: ServerId;
  readonly duty: Duty;
  /** How many sessions more it may take; 0 for one that is not fit to. */
  readonly room: number;
  /** Once all is done that is under way; messages likewise. */
  readonly connections: number;
  readonly messagesPerSecond: number;
  /** Sessions that may be moved, of which the messages are known by themselves. */
  readonly busy: readonly PlanSession[];
  /** The others that may be moved. They are asked for one by one: there may be many. */
  readonly quiet: Iterable<SessionNumber>;
  /** Messages a second of each of those, on average. */
  readonly quietRate: number;
}

/** What is evened out. */
export interface EveningGoal {
  /**
   * Share of the average by which servers may differ in connections: 0 for as even as they can be, `null` where they
   * are left as they are.
   */
  readonly slack: number | null;
  /** Whether messages count beside connections. */
  readonly traffic: boolean;
}

export interface PlannedMove {
  readonly session: SessionNumber;
  readonly from: ServerId;
  readonly to: ServerId;
}

/** What a move costs, in messages a second: it must gain more. */
const MOVE_COST = 1;
/** Share of a difference that an exchange must make up for, lest many small ones be made in place of one. */
const LEAST_GAIN = 0.1;

/**
 * Plans the next moves.
 *
 * @param goal what to even out; `null` to empty servers only
 * @param most moves, at most
 */
export function planMoves(
  servers: readonly PlanServer[],
  goal: EveningGoal | null,
  most: number,
): PlannedMove[] {
  const plan = new Plan(servers, most);
  plan.empty();
  if (goal === null) return plan.moves;
  const { slack, traffic } = goal;
  if (slack !== null) plan.evenConnections(slack, traffic);
  if (traffic) plan.evenTraffic();
  return plan.moves;
}

/** How many sessions have to move until connections are as even as they can be. */
export function movesLeft(servers: readonly Pick<PlanServer, "duty" | "connections">[]): number {
  const leaving = servers.filter(({ duty }) => duty !== "serving");
  const counts = servers.filter(({ duty }) => duty === "serving").map(({ connections }) => connections);
  const toEmpty = sum(leaving.map(({ connections }) => connections));
  if (counts.length === 0) return 0;
  const most = Math.ceil((sum(counts) + toEmpty) / counts.length);
  return toEmpty + sum(counts.map((count) => Math.max(0, count - most)));
}

/** A difference in messages a second that is more than chance makes within the time that they are averaged over. */
export function significantTraffic(mean: number): number {
  return Math.max(2, 0.02 * mean, 3 * Math.sqrt(mean / 10));
}

/** A server in the making of a plan. */
class Draft {
  readonly id: ServerId;
  readonly duty: Duty;
  room: number;
  connections: number;
  messages: number;
  readonly busy: PlanSession[];
  readonly quietRate: number;
  readonly #quiet: Iterator<SessionNumber>;
  #next: IteratorResult<SessionNumber> | null = null;

  constructor(server: PlanServer) {
    this.id = server.id;
    this.duty = server.duty;
    this.room = server.room;
    this.connections = server.connections;
    this.messages = server.messagesPerSecond;
    this.busy = [...server.busy];
    this.quietRate = server.quietRate;
    this.#quiet = server.quiet[Symbol.iterator]();
  }

  /** A session of which nothing is known but that it is not busy. */
  get quiet(): PlanSession | null {
    this.#next ??= this.#quiet.next();
    if (this.#next.done === true) return null;
    return { session: this.#next.value, messagesPerSecond: this.quietRate };
  }

  /** Sessions that may be moved, those that are alike only once. */
  candidates(): readonly PlanSession[] {
    const { quiet } = this;
    return quiet === null ? this.busy : [...this.busy, quiet];
  }

  remove({ session, messagesPerSecond }: PlanSession): void {
    const at = this.busy.findIndex((one) => one.session === session);
    if (at >= 0) this.busy.splice(at, 1);
    else this.#next = null;
    this.connections--;
    this.messages -= messagesPerSecond;
  }

  add({ messagesPerSecond }: PlanSession): void {
    this.connections++;
    this.room--;
    this.messages += messagesPerSecond;
  }
}

/** Sessions that change places; `back` is `null` where one only goes. */
interface Exchange {
  readonly go: PlanSession;
  readonly back: PlanSession | null;
  /** By how much closer the two servers come, in messages a second. */
  readonly gain: number;
}

class Plan {
  readonly moves: PlannedMove[] = [];
  readonly #leaving: readonly Draft[];
  readonly #serving: readonly Draft[];

  constructor(
    servers: readonly PlanServer[],
    private readonly most: number,
  ) {
    const drafts = servers.map((server) => new Draft(server));
    this.#leaving = drafts.filter(({ duty }) => duty !== "serving");
    this.#serving = drafts.filter(({ duty }) => duty === "serving");
  }

  /** Away from servers that are to be empty, one from each in turn. */
  empty(): void {
    for (let sources = this.#leaving; sources.length > 0;) {
      sources = sources.filter((source) => {
        const target = this.#emptiest();
        const session = source.quiet ?? source.busy[0];
        if (target === null || session === undefined || this.#isFull(1)) return false;
        this.#move(session, source, target);
        return true;
      });
    }
  }

  /** @param traffic whether those sessions go that even out messages best */
  evenConnections(slack: number, traffic: boolean): void {
    let sources = this.#serving;
    while (!this.#isFull(1)) {
      const source = greatest(sources, ({ connections }) => connections);
      const target = this.#emptiest();
      if (source === null || target === null || source.connections - target.connections <= 1) return;
      if (slack > 0 && this.#isWithin(slack)) return;
      const session = traffic ? nearest(source, target) : (source.quiet ?? source.busy[0] ?? null);
      if (session === null) sources = sources.filter((one) => one !== source);
      else this.#move(session, source, target);
    }
  }

  evenTraffic(): void {
    while (!this.#isFull(2)) {
      const busiest = [...this.#serving].sort((one, other) => other.messages - one.messages);
      const [first, last] = [busiest[0], busiest.at(-1)];
      if (first === undefined || last === undefined) return;
      // The pair that is furthest apart, or one of them with another, where those two have nothing to exchange.
      const pairs = [
        ...busiest
          .slice(1)
          .reverse()
          .map((other) => [first, other] as const),
        ...busiest.slice(1, -1).map((other) => [other, last] as const),
      ];
      if (!pairs.some(([from, to]) => this.#exchange(from, to))) return;
    }
  }

  /** @returns whether there was something worth it */
  #exchange(from: Draft, to: Draft): boolean {
    const mean = sum(this.#serving.map(({ messages }) => messages)) / this.#serving.length;
    const gap = from.messages - to.messages;
    if (gap <= significantTraffic(mean) || from.room < 1 || to.room < 1) return false;
    const best = bestExchange(from, to, gap);
    if (best === null) return false;
    this.#move(best.go, from, to);
    if (best.back !== null) this.#move(best.back, to, from);
    return true;
  }

  #emptiest(): Draft | null {
    const open = this.#serving.filter(({ room }) => room > 0);
    // Among equals the one with the fewest messages.
    return greatest(open, ({ connections, messages }) => -connections - messages / 1e12);
  }

  /** Whether no server differs by more than that share of the average. */
  #isWithin(slack: number): boolean {
    const counts = this.#serving.map(({ connections }) => connections);
    const mean = sum(counts) / counts.length;
    const most = Math.ceil((1 + slack) * mean);
    const least = Math.floor((1 - slack) * mean);
    return counts.every((count) => count <= most && count >= least);
  }

  #isFull(more: number): boolean {
    return this.moves.length + more > this.most;
  }

  #move(session: PlanSession, from: Draft, to: Draft): void {
    from.remove(session);
    to.add(session);
    this.moves.push({ session: session.session, from: from.id, to: to.id });
  }
}

/** The session that leaves the two servers' messages closest to each other once it has gone over. */
function nearest(source: Draft, target: Draft): PlanSession | null {
  const wanted = (source.messages - target.messages) / 2;
  return greatest(source.candidates(), ({ messagesPerSecond }) => -Math.abs(messagesPerSecond - wanted));
}

function bestExchange(from: Draft, to: Draft, gap: number): Exchange | null {
  const backs = [...to.candidates()].sort((one, other) => one.messagesPerSecond - other.messagesPerSecond);
  let best: Exchange | null = null;
  for (const go of from.candidates()) {
    // Without a return the one with more connections may have one fewer.
    const alone = from.connections > to.connections ? [null] : [];
    const wanted = go.messagesPerSecond - gap / 2;
    for (const back of [...alone, ...around(backs, wanted)]) {
      const shift = go.messagesPerSecond - (back?.messagesPerSecond ?? 0);
      const gain = gap - Math.abs(gap - 2 * shift);
      const cost = (back === null ? 1 : 2) * MOVE_COST;
      if (gain < Math.max(cost, LEAST_GAIN * gap) || gain <= (best?.gain ?? 0)) continue;
      best = { go, back, gain };
    }
  }
  return best;
}

/** The sessions on both sides of a rate. @param ordered by their rates */
function around(ordered: readonly PlanSession[], rate: number): PlanSession[] {
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ordered[middle]?.messagesPerSecond ?? 0) < rate) low = middle + 1;
    else high = middle;
  }
  return ordered.slice(Math.max(0, low - 1), low + 1);
}

function greatest<T>(values: readonly T[], measure: (value: T) => number): T | null {
  let best: T | null = null;
  let most = -Infinity;
  for (const value of values) {
    const measured = measure(value);
    if (measured <= most) continue;
    best = value;
    most = measured;
  }
  return best;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
