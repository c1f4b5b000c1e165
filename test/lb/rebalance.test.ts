/** The planner: whatever the load, its plans end, help, and keep to what they may do. */
import fc from "fast-check";
import t from "tap";
import {
  movesLeft,
  planMoves,
  significantTraffic,
  type EveningGoal,
  type PlannedMove,
  type PlanServer,
} from "../../src/lb/rebalance.js";
import type { Duty } from "../../src/protocol/threads.js";
import { serverId } from "./loads.js";

interface Session {
  readonly session: number;
  readonly rate: number;
  readonly isBusy: boolean;
}

/** A server with all of its sessions, so that a plan can be carried out. */
interface Held {
  readonly name: string;
  readonly duty: Duty;
  readonly room: number;
  readonly sessions: readonly Session[];
}

function planServer({ name, duty, room, sessions }: Held): PlanServer {
  const quiet = sessions.filter(({ isBusy }) => !isBusy);
  const quietTotal = quiet.reduce((sum, { rate }) => sum + rate, 0);
  return {
    id: serverId(name),
    duty,
    room,
    connections: sessions.length,
    messagesPerSecond: sessions.reduce((sum, { rate }) => sum + rate, 0),
    busy: sessions
      .filter(({ isBusy }) => isBusy)
      .map(({ session, rate }) => ({ session, messagesPerSecond: rate })),
    quiet: quiet.map(({ session }) => session),
    quietRate: quiet.length === 0 ? 0 : quietTotal / quiet.length,
  };
}

function carriedOut(servers: readonly Held[], moves: readonly PlannedMove[]): Held[] {
  let now = [...servers];
  for (const { session, from, to } of moves) {
    const moved = now.find(({ name }) => name === from)?.sessions.find((one) => one.session === session);
    if (moved === undefined) throw new Error(`${session} is not at ${from}`);
    now = now.map((server) => {
      if (server.name === from) {
        return {
          ...server,
          room: server.room === 0 ? 0 : server.room + 1,
          sessions: server.sessions.filter((one) => one !== moved),
        };
      }
      return server.name === to
        ? { ...server, room: server.room - 1, sessions: [...server.sessions, moved] }
        : server;
    });
  }
  return now;
}

const countsOf = (servers: readonly Held[]): number[] =>
  servers.filter(({ duty }) => duty === "serving").map(({ sessions }) => sessions.length);
const ratesOf = (servers: readonly Held[]): number[] =>
  servers
    .filter(({ duty }) => duty === "serving")
    .map(({ sessions }) => sessions.reduce((sum, { rate }) => sum + rate, 0));
const squares = (values: readonly number[]): number => values.reduce((sum, value) => sum + value * value, 0);
const jain = (values: readonly number[]): number => {
  const sum = values.reduce((total, value) => total + value, 0);
  return (sum * sum) / (values.length * squares(values));
};

/** Carries out plan after plan until there is nothing left to do. @returns how many plans it took, and what became of it */
function settle(servers: readonly Held[], goal: EveningGoal | null, most: number) {
  let now: readonly Held[] = servers;
  const all = servers.reduce((sum, { sessions }) => sum + sessions.length, 0);
  for (let plans = 0; plans <= 4 * all + 4; plans++) {
    const moves = planMoves(now.map(planServer), goal, most);
    if (moves.length === 0) return { plans, servers: now };
    now = carriedOut(now, moves);
  }
  throw new Error("it does not end");
}

const EVEN: EveningGoal = { slack: 0, traffic: false };
const EVEN_TRAFFIC: EveningGoal = { slack: 0, traffic: true };
const MESSAGES_ONLY: EveningGoal = { slack: null, traffic: true };

let nextSession = 1;
const held: fc.Arbitrary<Held[]> = fc
  .array(
    fc.record({
      duty: fc.constantFrom<Duty>("serving", "serving", "serving", "draining", "retiring"),
      room: fc.constantFrom(0, 1, 3, 1_000),
      sessions: fc.array(
        fc.record({ rate: fc.double({ min: 0, max: 50, noNaN: true }), isBusy: fc.boolean() }),
        { maxLength: 25 },
      ),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((servers) =>
    servers.map(({ duty, room, sessions }, index) => ({
      name: `chat-${index + 1}`,
      duty,
      room: duty === "serving" ? room : 0,
      // Of those that are not busy nobody knows the messages one by one: they are alike.
      sessions: sessions.map(({ rate, isBusy }) => ({
        session: nextSession++,
        rate: isBusy ? rate : 0.5,
        isBusy,
      })),
    })),
  );
const goals = fc.constantFrom<EveningGoal | null>(
  null,
  EVEN,
  EVEN_TRAFFIC,
  { slack: 0.25, traffic: false },
  MESSAGES_ONLY,
);

t.test("a plan has no more moves than it may, and none to who may take nobody", async () => {
  fc.assert(
    fc.property(held, goals, fc.nat(40), (servers, goal, most) => {
      const moves = planMoves(servers.map(planServer), goal, most);
      const room = new Map(servers.map((server) => [server.name, server.room]));
      for (const { to, from } of moves) room.set(to, (room.get(to) ?? 0) - (to === from ? Infinity : 1));
      const moved = new Set(moves.map(({ session }) => session));
      return (
        moves.length <= most &&
        moved.size === moves.length &&
        [...room.values()].every((left) => left >= 0) &&
        moves.every(({ to }) => servers.find(({ name }) => name === to)?.duty === "serving")
      );
    }),
    { numRuns: 3_000 },
  );
});

t.test("plans come to an end, whatever their size", async () => {
  fc.assert(
    fc.property(held, goals, fc.integer({ min: 1, max: 40 }), (servers, goal, most) => {
      settle(servers, goal, most);
    }),
    { numRuns: 2_000 },
  );
});

t.test(
  "with nobody to be taken from a server that is to be empty, no plan makes anything less even",
  async () => {
    fc.assert(
      fc.property(held, goals, fc.nat(40), (drawn, goal, most) => {
        const servers = drawn.map((server) => ({ ...server, duty: "serving" as const }));
        const after = carriedOut(servers, planMoves(servers.map(planServer), goal, most));
        const [was, is] = [squares(countsOf(servers)), squares(countsOf(after))];
        if (is > was) return false;
        // Where connections stay as they are, it is for the messages' sake.
        return is < was || squares(ratesOf(after)) <= squares(ratesOf(servers)) + 1e-6;
      }),
      { numRuns: 3_000 },
    );
  },
);

t.test(
  "where all may take everybody, connections end as even as they can be, and who is to be empty is",
  async () => {
    fc.assert(
      fc.property(
        held,
        fc.constantFrom(EVEN, EVEN_TRAFFIC),
        fc.integer({ min: 2, max: 40 }),
        (drawn, goal, most) => {
          const servers = drawn.map((server) => ({ ...server, room: server.duty === "serving" ? 1_000 : 0 }));
          const { servers: after } = settle(servers, goal, most);
          const counts = countsOf(after);
          if (counts.length === 0) return true;
          const toEmpty = after.filter(({ duty }) => duty !== "serving");
          return (
            Math.max(...counts) - Math.min(...counts) <= 1 &&
            toEmpty.every(({ sessions }) => sessions.length === 0)
          );
        },
      ),
      { numRuns: 2_000 },
    );
  },
);

t.test("no more sessions move than have to", async () => {
  fc.assert(
    fc.property(held, (drawn) => {
      const servers = drawn.map((server) => ({ ...server, room: server.duty === "serving" ? 1_000 : 0 }));
      if (countsOf(servers).length === 0) return true;
      const planned = servers.map(planServer);
      const moves = planMoves(planned, EVEN, 1_000);
      return moves.length >= movesLeft(planned) && moves.length <= movesLeft(planned) + servers.length;
    }),
    { numRuns: 1_000 },
  );
});

t.test("a session that cannot be split has nobody moved for the sake of connections", async (t) => {
  const servers = [100, 103, 102, 104].map((count, index): Held => ({
    name: `chat-${index + 1}`,
    duty: "serving",
    room: 1_000,
    sessions: Array.from({ length: count }, (_, one) => {
      const isBusy = index === 0 && one === 0;
      return { session: nextSession++, rate: isBusy ? 1_000 : 0.2, isBusy };
    }),
  }));
  t.strictSame(planMoves(servers.map(planServer), MESSAGES_ONLY, 100), []);
});

t.test("within its slack a strategy is left alone", async (t) => {
  const sessions = (count: number): Session[] =>
    Array.from({ length: count }, () => ({ session: nextSession++, rate: 0, isBusy: false }));
  const servers = [30, 24, 18].map((count, index) => ({
    name: `chat-${index + 1}`,
    duty: "serving" as const,
    room: 100,
    sessions: sessions(count),
  }));
  const goal = { slack: 0.25, traffic: false };
  t.strictSame(planMoves(servers.map(planServer), goal, 100), []);
  const [first, ...rest] = servers;
  if (first === undefined) throw new Error("three were made");
  const uneven = [{ ...first, sessions: sessions(60) }, ...rest];
  const counts = countsOf(settle(uneven, goal, 100).servers);
  t.ok(Math.max(...counts) <= Math.ceil(1.25 * 34), `${counts.join(", ")}`);
});

for (const seed of [1, 2, 3]) {
  t.test(
    `1,000 sessions of which the k-th sends 1/k of what the first sends come to be even (${seed})`,
    async (t) => {
      // A small generator of its own: the same on every run.
      let state = seed;
      const random = (): number => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff;
      const all = Array.from({ length: 1_000 }, (_, index) => ({
        session: nextSession++,
        rate: 60 / (index + 1) + 0.45,
        isBusy: false,
      }));
      const servers = ["chat-1", "chat-2", "chat-3", "chat-4"].map((name): Held => ({
        name,
        duty: "serving",
        room: 10_000,
        sessions: [],
      }));
      const placed = new Map(servers.map(({ name }) => [name, [] as Session[]]));
      const order = all.map((session) => ({ session, at: random() })).sort((one, other) => one.at - other.at);
      order.forEach(({ session }, index) => placed.get(`chat-${(index % 4) + 1}`)?.push(session));
      const known = servers.map((server) => {
        const sessions = placed.get(server.name) ?? [];
        const least = [...sessions].sort((one, other) => other.rate - one.rate)[63]?.rate ?? 0;
        return { ...server, sessions: sessions.map((one) => ({ ...one, isBusy: one.rate >= least })) };
      });
      const before = jain(ratesOf(known));
      const { servers: after } = settle(known, EVEN_TRAFFIC, 10);
      const [counts, rates] = [countsOf(after), ratesOf(after)];
      const mean = rates.reduce((sum, rate) => sum + rate, 0) / 4;
      t.ok(Math.max(...counts) - 250 <= 1, "connections are as even as they were");
      t.ok(jain(rates) >= 0.99, `Jain ${before.toFixed(4)} became ${jain(rates).toFixed(4)}`);
      t.ok(Math.max(...rates) - Math.min(...rates) <= significantTraffic(mean), "within what chance makes");
    },
  );
}
