/** The mover: the planner's moves paced and told, in virtual time, to servers whose clients go where they are told. */
import t, { type Test } from "tap";
import { LoadView } from "../../src/lb/load-view.js";
import { toleratedDifference } from "../../src/lb/evening.js";
import { Mover } from "../../src/lb/mover.js";
import { Fleet } from "../../src/lb/operator/fleet.js";
import { Placement } from "../../src/lb/placement.js";
import { significantTraffic } from "../../src/lb/rebalance.js";
import { chooseStrategy } from "../../src/lb/strategy-choice.js";
import type { TicketClaims } from "../../src/protocol/grants.js";
import { toHex } from "../../src/protocol/bytes.js";
import type { ServerId, SessionNumber } from "../../src/protocol/ids.js";
import type { Duty, SessionMove, SessionTraffic, ThreadStatus } from "../../src/protocol/threads.js";
import { systemRandom } from "../../src/node/clock.js";
import { VirtualClock } from "../../bench/simulation/virtual-clock.js";
import { accountId, deviceId, entry, report } from "./loads.js";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

interface Options {
  readonly strategy?: string;
  readonly movesPerSecond?: number;
  /** Sessions of each server. */
  readonly sessions: readonly number[];
  /** Messages a second of a session, in the order of their numbers. */
  readonly rateOf?: (session: number) => number;
  /** How long a session takes to go where it was told to, in milliseconds. */
  readonly tripMs?: (session: number) => number;
}

/** A small generator of its own: the same on every run. */
function seededBytes(seed: number): (length: number) => Uint8Array<ArrayBuffer> {
  let state = seed;
  return (length) => Uint8Array.from({ length }, () => (state = (state * 48_271) % 0x7fffffff) >> 8);
}

/** Servers whose clients move as they are told, unless a test keeps them. */
class Scene {
  readonly clock = new VirtualClock();
  readonly view = new LoadView({ placementMs: 60_000, capacity: 10_000, warmUpMs: 30_000 });
  readonly asked: unknown[] = [];
  readonly fleet: Fleet;
  readonly mover: Mover;
  readonly told: { readonly from: ServerId; readonly move: SessionMove; readonly at: number }[] = [];
  readonly #claims = new Map<Uint8Array, TicketClaims>();
  readonly #rates = new Map<SessionNumber, number>();
  readonly #duties = new Map<number, Duty>();
  #rebalancing = false;
  #next = 1;
  #counted = 0;
  /** Whether clients go where they are told. */
  obedient = true;

  constructor(
    t: Test,
    private readonly options: Options,
  ) {
    const { clock, view } = this;
    this.fleet = new Fleet({ ask: (message) => this.asked.push(message), clock, patienceMs: 1_000 });
    this.mover = new Mover({
      view,
      servers: {
        move: (from, moves) => {
          for (const move of moves) {
            this.told.push({ from, move, at: clock.now() });
            if (this.obedient) clock.after(options.tripMs?.(move.session) ?? 50, () => this.#go(from, move));
          }
        },
      },
      fleet: this.fleet,
      grants: {
        ticket: (claims) => {
          const ticket = systemRandom.bytes(16);
          this.#claims.set(ticket, claims);
          return ticket;
        },
      },
      clock,
      steadyClock: clock,
      random: systemRandom,
      log: quiet,
      publicHost: "chat.example",
      strategy: options.strategy ?? "least-connections",
      limits: { movesPerSecond: options.movesPerSecond ?? 50 },
      timeouts: { ticketMs: 60_000, movePauseMs: 60_000, reportMs: 1_000 },
    });
    t.teardown(() => this.mover.close());
    options.sessions.forEach((_, index) => this.come(index + 1));
  }

  /** A server comes, or comes back, with those who are connected there. */
  come(number: number, count = this.options.sessions[number - 1] ?? 0): void {
    this.view.add(entry(number), this.clock.now());
    this.name(number, count);
    this.duty(number, "serving");
  }

  /** One after another a session ends and another begins, placed as the strategy says; those that `stays` says do not end. */
  async churn(everyMs: number, stays: (rate: number) => boolean): Promise<void> {
    const { clock, view } = this;
    const bytes = seededBytes(1);
    const placement = new Placement({
      view,
      dutyOf: () => "serving",
      strategy: await chooseStrategy(this.options.strategy ?? "least-connections"),
      clock,
      random: { bytes },
      reportMs: 1_000,
    });
    const turn = (): void => {
      const [first = 0, second = 0] = bytes(2);
      const ending = this.#ending(first * 256 + second, stays);
      this.view.disconnected(ending.server, ending.session, clock.now());
      // Whoever has lost a session takes a while to have another.
      clock.after(everyMs * 2.5, () => {
        const { server, nonce } = placement.place(accountId());
        const begun = this.#session(this.#rates.get(ending.session));
        view.connected(server, begun, toHex(nonce), clock.now());
      });
      clock.after(everyMs, turn);
    };
    clock.after(everyMs, turn);
  }

  #ending(draw: number, stays: (rate: number) => boolean) {
    const all = this.view.servers(this.clock.now()).flatMap(({ entry: server }) =>
      [...this.view.sessionsOf(server.id)].flatMap(([session, { leavingWith }]) => {
        const isKept = leavingWith !== null || stays(this.#rates.get(session) ?? 0);
        return isKept ? [] : [{ server, session }];
      }),
    );
    const ending = all[draw % all.length];
    if (ending === undefined) throw new Error("nobody is left");
    return ending;
  }

  name(number: number, count: number): void {
    const sessions = Array.from({ length: count }, () => this.#session());
    this.view.sessions(entry(number), sessions);
  }

  duty(number: number, duty: Duty): void {
    this.#duties.set(number, duty);
    const thread = { kind: "chat", life: "running", restarts: 0, trouble: null } as const;
    const threads = [...this.#duties].map(([one, its]): ThreadStatus => ({
      ...thread,
      id: entry(one).id,
      duty: its,
    }));
    this.fleet.update(threads, this.#rebalancing);
  }

  /** An operator wants the load evened out; the supervisor keeps that until it is. */
  rebalance(): void {
    this.#rebalancing = true;
    this.fleet.update(this.fleet.threads, true);
  }

  /** Lets time pass; servers report every second, unless they are silent. */
  pass(ms: number, silent: readonly number[] = []): void {
    for (let passed = 0; passed < ms; passed += 100) {
      this.clock.advance(100);
      if (this.clock.now() - this.#counted < 1_000) continue;
      this.#counted = this.clock.now();
      for (const number of this.#duties.keys()) if (!silent.includes(number)) this.#report(number);
    }
  }

  claimsOf(ticket: Uint8Array): TicketClaims | undefined {
    return this.#claims.get(ticket);
  }

  get counts(): number[] {
    return this.view.servers(this.clock.now()).map(({ connections }) => connections);
  }

  get rates(): number[] {
    return [...this.#duties.keys()].map((number) =>
      [...this.view.sessionsOf(entry(number).id).keys()].reduce(
        (sum, one) => sum + (this.#rates.get(one) ?? 0),
        0,
      ),
    );
  }

  #session(rate = this.options.rateOf?.(this.#next) ?? 0) {
    const session = this.#next++;
    this.#rates.set(session, rate);
    return { session, account: accountId(session), device: deviceId(session) };
  }

  #go(from: ServerId, { session, server, ticket }: SessionMove): void {
    const now = this.clock.now();
    const servers = this.view.servers(now);
    const source = servers.find(({ id }) => id === from)?.entry;
    const target = servers.find(({ id }) => id === server)?.entry;
    const claims = this.#claims.get(ticket);
    if (source === undefined || target === undefined || claims === undefined) return;
    this.view.connected(target, this.#session(this.#rates.get(session)), toHex(claims.nonce), now);
    this.view.disconnected(source, session, now);
  }

  #report(number: number): void {
    const { id } = entry(number);
    const sessions = [...this.view.sessionsOf(id).keys()];
    const busiest: SessionTraffic[] = sessions
      .map((session) => ({ session, messages: this.#rates.get(session) ?? 0 }))
      .filter(({ messages }) => messages > 0)
      .sort((one, other) => other.messages - one.messages)
      .slice(0, 64);
    const messagesIn = sessions.reduce((sum, one) => sum + (this.#rates.get(one) ?? 0), 0);
    const now = this.clock.now();
    this.view.report(entry(number), report({ connections: sessions.length, messagesIn }), now, busiest);
  }
}

t.test("sessions move to a server that came, no faster than they may, until all are even", async (t) => {
  const scene = new Scene(t, { sessions: [100, 100, 100], movesPerSecond: 10 });
  scene.pass(5_000);
  t.strictSame(scene.told, [], "while all is even nobody moves");
  scene.come(4, 0);
  scene.pass(3_000);
  t.ok(scene.told.length > 20 && scene.told.length <= 34, `${scene.told.length} in three seconds`);
  scene.pass(10_000);
  t.strictSame(scene.counts, [75, 75, 75, 75]);
  t.equal(scene.told.length, 75, "and no more than have to");
  scene.pass(60_000);
  t.equal(scene.told.length, 75);
});

t.test(
  "tickets are for the session's own account and device, and the start of the server where it goes",
  async (t) => {
    const scene = new Scene(t, { sessions: [4, 0] });
    scene.pass(3_000);
    const { from, move } = scene.told[0] ?? {};
    t.match({ from, move }, { from: "chat-1", move: { server: "chat-2", host: "chat.example", port: 7442 } });
    const { session = 0, ticket = new Uint8Array() } = move ?? {};
    t.match(scene.claimsOf(ticket), {
      account: accountId(session),
      device: deviceId(session),
      server: "chat-2",
      incarnation: entry(2).incarnation,
      expiresAt: (scene.told[0]?.at ?? 0) + 60_000,
    });
    t.strictSame(scene.counts, [2, 2]);
  },
);

t.test(
  "a server that was killed and is back has its share of 1,000 sessions again within a minute",
  async (t) => {
    const scene = new Scene(t, { sessions: [334, 333, 333, 0], strategy: "least-busy" });
    scene.pass(20_000);
    const jain = (values: readonly number[]): number => {
      const sum = values.reduce((total, value) => total + value, 0);
      return (sum * sum) / (values.length * values.reduce((total, value) => total + value * value, 0));
    };
    t.ok(jain(scene.counts) >= 0.999, scene.counts.join(", "));
    t.same(scene.counts, [250, 250, 250, 250]);
    t.equal(scene.told.length, 250);
  },
);

t.test("a server that is drained is emptied, whatever the strategy, and takes nobody", async (t) => {
  for (const strategy of ["random", "least-busy", "./mine.js"]) {
    const scene = new Scene(t, { sessions: [30, 30, 30], strategy });
    scene.duty(2, "draining");
    scene.pass(5_000);
    t.strictSame(scene.counts, [45, 0, 45], strategy);
    t.strictSame(scene.asked, [], "it goes on running");
    scene.duty(2, "serving");
    t.match(
      scene.view.servers(scene.clock.now())[1],
      { warmth: 0.1 },
      "and is slow at first once it is back",
    );
  }
});

t.test(
  "a server that retires is said to be empty once, when nobody is there and nobody on the way there",
  async (t) => {
    const scene = new Scene(t, { sessions: [3, 3] });
    scene.view.placed(entry(2), "aa", scene.clock.now());
    scene.duty(2, "retiring");
    scene.pass(5_000);
    t.strictSame(scene.counts, [6, 0]);
    t.strictSame(scene.asked, []);
    scene.pass(60_000);
    t.strictSame(scene.asked, [{ type: "emptied", id: "chat-2", incarnation: entry(2).incarnation }]);
  },
);

t.test("nobody moves before all servers that run have said who is there", async (t) => {
  const scene = new Scene(t, { sessions: [10] });
  scene.view.add(entry(2), 0);
  scene.duty(2, "serving");
  scene.pass(10_000);
  t.strictSame(scene.told, []);
  scene.name(2, 9);
  scene.pass(5_000);
  t.strictSame(scene.told, [], "it only looked empty");
});

t.test("clients that do not go hold up others only so far, and are not told twice", async (t) => {
  const scene = new Scene(t, { sessions: [200, 0], movesPerSecond: 10 });
  scene.obedient = false;
  scene.pass(30_000);
  t.equal(scene.told.length, 20, "two seconds' worth");
  t.equal(new Set(scene.told.map(({ move }) => move.session)).size, 20);
});

t.test("a session that moved is left in peace for a while", async (t) => {
  const scene = new Scene(t, { sessions: [6, 0] });
  scene.pass(4_000);
  t.strictSame(scene.counts, [3, 3]);
  // Those who did not move leave: what is left are three who did.
  for (const [session] of scene.view.sessionsOf(entry(1).id))
    scene.view.disconnected(entry(1), session, scene.clock.now());
  scene.pass(30_000);
  t.strictSame(scene.counts, [0, 3]);
  scene.pass(60_000);
  t.strictSame([...scene.counts].sort(), [1, 2], "not for ever");
});

t.test("a server that is silent, or lags well behind the others, is sent nobody", async (t) => {
  const scene = new Scene(t, { sessions: [10, 10] });
  scene.come(3, 0);
  scene.pass(400);
  const before = scene.told.length;
  t.ok(before > 0);
  const lags = new Scene(t, { sessions: [10, 10, 0] });
  const late = (): void => lags.view.report(entry(3), report({ loopDelayP99Ms: 5_000 }), lags.clock.now());
  late();
  lags.pass(900);
  t.strictSame(lags.told, []);
  const silent = new Scene(t, { sessions: [10, 10] });
  silent.pass(1_000);
  silent.view.add(entry(3), silent.clock.now() - 20_000);
  silent.name(3, 0);
  silent.duty(3, "serving");
  silent.pass(5_000, [3]);
  t.strictSame(silent.told, []);
});

t.test("an operator has any strategy evened out, and is told how far it has come", async (t) => {
  const scene = new Scene(t, { sessions: [90, 0, 0], strategy: "random", movesPerSecond: 20 });
  scene.pass(10_000);
  t.strictSame(scene.told, [], "unasked it is left alone");
  t.match(scene.mover.progress(), { underWay: false, left: 60 });
  scene.rebalance();
  t.match(scene.mover.progress(), { underWay: true, moved: 0, left: 60 });
  scene.pass(1_500);
  const half = scene.mover.progress();
  t.ok(half.underWay && half.moved >= 20 && half.moved + half.left === 60, JSON.stringify(half));
  scene.pass(5_000);
  t.strictSame(scene.mover.progress(), { underWay: false, moving: 0, moved: 60, left: 0 });
  t.strictSame(scene.counts, [30, 30, 30]);
  t.strictSame(scene.asked, [{ type: "evened" }], "and the supervisor need not keep it any more");
  scene.duty(3, "serving");
  t.match(scene.mover.progress(), { underWay: false }, "what it said before it heard of that begins nothing");
});

t.test(
  "what an operator asked for is not over while the last session of a server that drains waits for its turn",
  async (t) => {
    const scene = new Scene(t, { sessions: [1, 5, 5], strategy: "random", movesPerSecond: 1 });
    scene.duty(1, "draining");
    scene.rebalance();
    scene.pass(400);
    t.match(scene.mover.progress(), { underWay: true, moved: 0, left: 1 });
    scene.pass(3_000);
    t.match(scene.mover.progress(), { underWay: false, moved: 1, left: 0 });
  },
);

for (const tripMs of [50, 600, 1_500]) {
  t.test(`no more sessions exchange than have to where clients take ${tripMs} ms to go`, async (t) => {
    const rateOf = (session: number): number => (session <= 100 ? 200 / session : 1);
    const scene = new Scene(t, {
      sessions: [100, 100, 100, 100],
      strategy: "least-busy",
      rateOf,
      tripMs: (session) => tripMs * (0.5 + (session % 11) / 10),
    });
    scene.pass(60_000);
    const mean = scene.rates.reduce((sum, rate) => sum + rate, 0) / 4;
    const worst = Math.max(...scene.rates.map((rate) => Math.abs(rate - mean)));
    t.ok(worst <= significantTraffic(mean), scene.rates.map(Math.round).join(", "));
    t.ok(scene.told.length <= 50, `${scene.told.length} sessions moved`);
    const moved = scene.told.length;
    scene.pass(120_000);
    t.equal(scene.told.length, moved, "and then all stay where they are");
  });
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  t.test(`however slow clients are, hardly more move than where all go at once (${seed})`, async (t) => {
    const bytes = seededBytes(seed);
    const draw = (): number => (bytes(1)[0] ?? 0) / 256;
    const sessions = Array.from({ length: 2 + (seed % 4) }, () => 20 + Math.floor(60 * draw()));
    const rates = new Map<number, number>();
    // Few send much, most send little.
    const rateOf = (session: number): number => {
      const rate = rates.get(session) ?? 40 * draw() ** 8 + 0.2;
      rates.set(session, rate);
      return rate;
    };
    const settled = (tripMs: (session: number) => number): Scene => {
      const scene = new Scene(t, { sessions, strategy: "least-busy", rateOf, tripMs });
      scene.pass(120_000);
      return scene;
    };
    const [quick, slow] = [settled(() => 50), settled((session) => 500 + 25 * (session % 100))];
    t.ok(Math.max(...slow.counts) - Math.min(...slow.counts) <= 1, slow.counts.join(", "));
    t.ok(
      slow.told.length <= 1.25 * quick.told.length + 5,
      `${slow.told.length} moved, and ${quick.told.length} of those who go at once`,
    );
    const moved = slow.told.length;
    slow.pass(60_000);
    t.equal(slow.told.length, moved, "and then all stay where they are");
  });
}

for (const [servers, each] of [
  [4, 100],
  [12, 30],
  [3, 400],
] as const) {
  for (const rate of [0, 1_000]) {
    t.test(
      `ordinary coming and going on ${servers} servers of ${each} moves nobody, beside a session of ${rate} messages a second`,
      async (t) => {
        const rateOf = (session: number): number => (session === 1 ? rate : 0.2);
        const sessions = Array<number>(servers).fill(each);
        const scene = new Scene(t, { sessions, strategy: "least-busy", rateOf });
        scene.pass(30_000);
        await scene.churn(200, (its) => its > 1);
        scene.pass(180_000);
        t.strictSame(scene.told, []);
        const most = Math.max(...scene.counts) - each;
        t.ok(
          most <= toleratedDifference(each),
          `and connections stay within what is tolerated: ${scene.counts.join(", ")}`,
        );
      },
    );
  }
}

t.test(
  "a server that has the one session that cannot be split, and nobody else, is filled and then left alone",
  async (t) => {
    const rateOf = (session: number): number => (session === 1 ? 1_000 : 0.2);
    const scene = new Scene(t, { sessions: [1, 133, 133, 133], strategy: "least-busy", rateOf });
    scene.pass(30_000);
    t.strictSame(scene.counts, [100, 100, 100, 100]);
    t.equal(scene.told.length, 99);
    await scene.churn(200, (its) => its > 1);
    scene.pass(300_000);
    t.equal(scene.told.length, 99);
  },
);

t.test("under Zipf's senders messages come to be even, with connections as even as they were", async (t) => {
  const harmonic = (n: number): number =>
    Array.from({ length: n }, (_, k) => 1 / (k + 1)).reduce((a, b) => a + b);
  // Half of all messages are what somebody gets, and those are spread evenly.
  const rateOf = (session: number): number => (200 / harmonic(1_000)) * (1 / session) + 0.2;
  const scene = new Scene(t, { sessions: [250, 250, 250, 250], strategy: "least-busy", rateOf });
  const jain = (values: readonly number[]): number => {
    const sum = values.reduce((total, value) => total + value, 0);
    return (sum * sum) / (values.length * values.reduce((total, value) => total + value * value, 0));
  };
  const before = jain(scene.rates);
  scene.pass(60_000);
  const after = jain(scene.rates);
  t.ok(before < 0.9 && after >= 0.99, `Jain ${before.toFixed(4)} became ${after.toFixed(4)}`);
  t.ok(Math.max(...scene.counts) - 250 <= 1, scene.counts.join(", "));
  const moved = scene.told.length;
  t.ok(moved < 100, `${moved} sessions moved`);
  scene.pass(120_000);
  t.ok(scene.told.length - moved <= 4, "and then all stay where they are");
});
