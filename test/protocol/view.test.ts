/** PROTOCOL.md, "Views and homes". */
import { createHash } from "node:crypto";
import t from "tap";
import type { AccountId, Incarnation, ServerId } from "../../src/protocol/ids.js";
import { EMPTY_VIEW, homeOf, rendezvousWeight, type View, type ViewMember } from "../../src/protocol/view.js";

/** Ids as accounts have them, halves of SHA-256 hashes; the same ones in every run. */
const ACCOUNTS = Array.from(
  { length: 30_000 },
  (_, i) => createHash("sha256").update(`account ${i}`).digest("hex").slice(0, 32) as AccountId,
);

function member(number: number, start = 1): ViewMember {
  return {
    id: `chat-${number}` as ServerId,
    incarnation: start.toString(16).padStart(32, "0") as Incarnation,
  };
}

function viewOf(members: readonly ViewMember[]): View {
  return { number: 1, members };
}

function servers(count: number): ViewMember[] {
  return Array.from({ length: count }, (_, i) => member(i + 1));
}

/** How many accounts each server has, in the view's order. */
function shares({ members }: View, homes: readonly (ViewMember | null)[]): number[] {
  return members.map(({ id }) => homes.filter((home) => home?.id === id).length);
}

/**
 * Whether counts look like independent, equally likely draws: Pearson's statistic below the value that such draws
 * exceed once in a million tests, by Wilson and Hilferty's approximation of its distribution (1931).
 */
function looksEven(counts: readonly number[]): { even: boolean; statistic: number; bound: number } {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = counts.length - 1;
  const z = 4.753; // the normal distribution exceeds it once in a million
  const bound = freedom * (1 - 2 / (9 * freedom) + z * Math.sqrt(2 / (9 * freedom))) ** 3;
  return { even: statistic < bound, statistic, bound };
}

t.test("an empty view is nobody's home, and a lone server everybody's", async (t) => {
  t.equal(homeOf(EMPTY_VIEW, ACCOUNTS[0] as AccountId), null);
  const alone = member(1);
  t.ok(ACCOUNTS.slice(0, 100).every((account) => homeOf(viewOf([alone]), account) === alone));
});

t.test("weights are those that an implementation in another language gives", async (t) => {
  // From a few lines of Python after PROTOCOL.md: FNV-1a over server, 0xff and account, then MurmurHash3's finalizer.
  const weights: readonly (readonly [server: string, account: string, weight: number])[] = [
    ["chat-1", "00".repeat(16), 4029063802],
    ["chat-1", "ff".repeat(16), 2702427552],
    ["chat-1", "0123456789abcdef".repeat(2), 2755610062],
    ["chat-2", "00".repeat(16), 2132010678],
    ["chat-2", "ff".repeat(16), 2158289411],
    ["chat-2", "0123456789abcdef".repeat(2), 1928765275],
    ["chat-3", "00".repeat(16), 1255526369],
    ["chat-3", "ff".repeat(16), 276337980],
    ["chat-3", "0123456789abcdef".repeat(2), 3300183204],
  ];
  for (const [server, account, weight] of weights) {
    t.equal(rendezvousWeight(server as ServerId, account as AccountId), weight, `${server} ${account}`);
  }
  const homes = ["00", "ff", "0123456789abcdef"].map((part) =>
    homeOf(viewOf(servers(3)), part.repeat(32 / part.length) as AccountId),
  );
  t.same(
    homes.map((home) => home?.id),
    ["chat-1", "chat-1", "chat-3"],
  );
});

t.test("a home is the member of the highest weight, as the view has it", async (t) => {
  const view = viewOf([member(1, 0xa), member(2, 0xb), member(3, 0xc)]);
  const wrong = ACCOUNTS.slice(0, 2000).filter((account) => {
    const home = homeOf(view, account);
    const weights = view.members.map(({ id }) => rendezvousWeight(id, account));
    return home !== view.members[weights.indexOf(Math.max(...weights))];
  });
  t.same(wrong, []);
});

t.test("the order in which a view lists its members does not matter", async (t) => {
  const [one, two, three, four] = servers(4) as [ViewMember, ViewMember, ViewMember, ViewMember];
  const orders = [
    [one, two, three, four],
    [four, three, two, one],
    [two, four, one, three],
    [three, one, four, two],
  ].map(viewOf);
  const wrong = ACCOUNTS.slice(0, 5000).filter(
    (account) => new Set(orders.map((view) => homeOf(view, account)?.id)).size !== 1,
  );
  t.same(wrong, []);
});

t.test("a server that starts anew is the home of the same accounts", async (t) => {
  const before = homesIn(viewOf(servers(3)));
  const after = homesIn(viewOf([member(1), member(2, 99), member(3)]));
  t.ok(after.every((home, i) => home?.id === before[i]?.id));
});

/** The homes of all accounts. */
function homesIn(view: View): (ViewMember | null)[] {
  return ACCOUNTS.map((account) => homeOf(view, account));
}

for (const count of [2, 3, 4, 7, 8, 16, 33, 64]) {
  t.test(`${count} servers have equal shares of 30,000 accounts, but for chance`, async (t) => {
    const view = viewOf(servers(count));
    const { even, statistic, bound } = looksEven(shares(view, homesIn(view)));
    t.ok(even, `${statistic.toFixed(1)} is below ${bound.toFixed(1)}`);
  });
}

t.test("a server that leaves moves its own share only, and evenly to all others", async (t) => {
  for (const count of [2, 3, 8]) {
    const view = viewOf(servers(count));
    const before = homesIn(view);
    for (const leaving of view.members) {
      const smaller = viewOf(view.members.filter((one) => one !== leaving));
      const after = homesIn(smaller);
      const moved = before.filter((home, i) => home !== leaving && home !== after[i]);
      t.same(moved, [], `${leaving.id} of ${count}: nobody else's moves`);
      if (count === 2) continue;
      const inherited = after.filter((_, i) => before[i] === leaving);
      const { even, statistic, bound } = looksEven(shares(smaller, inherited));
      t.ok(even, `${leaving.id} of ${count}: ${statistic.toFixed(1)} is below ${bound.toFixed(1)}`);
    }
  }
});

t.test("a server that comes takes its share, and nothing moves between the others", async (t) => {
  const before = homesIn(viewOf(servers(7)));
  const after = homesIn(viewOf(servers(8)));
  const moved = after.filter((home, i) => home?.id !== before[i]?.id);
  t.ok(moved.every((home) => home?.id === "chat-8"));
  // A binomial count of 30,000 draws of 1/8 is this far off its mean once in a million.
  const deviation = Math.abs(moved.length - 30_000 / 8);
  t.ok(deviation < 4.9 * Math.sqrt(30_000 * (1 / 8) * (7 / 8)), `${moved.length} accounts moved`);
});
