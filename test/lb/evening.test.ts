/** When the balancer evens out the load by itself, and when it leaves people where they are. */
import t from "tap";
import { goalAsked, policyOf, unevenness, type EveningPolicy, type Weighed } from "../../src/lb/evening.js";
import { STRATEGIES } from "../../src/lb/strategy-choice.js";

function policy(strategy: string): EveningPolicy {
  const found = policyOf(strategy);
  if (found === null) throw new Error(`${strategy} evens nothing out`);
  return found;
}

const isUneven = (servers: readonly Weighed[], even: EveningPolicy): boolean =>
  unevenness(servers, even) !== null;
const servers = (...counts: readonly number[]): Weighed[] =>
  counts.map((connections) => ({ duty: "serving", room: 1_000, connections, messagesPerSecond: 0 }));
const sending = (...rates: readonly number[]): Weighed[] =>
  rates.map((messagesPerSecond) => ({ duty: "serving", room: 1_000, connections: 10, messagesPerSecond }));

t.test("a server that came back empty is uneven, and ordinary coming and going is not", async (t) => {
  for (const strategy of ["least-busy", "least-connections", "power-of-two-choices"]) {
    const even = policy(strategy);
    t.ok(isUneven(servers(334, 333, 0), even), strategy);
    t.ok(isUneven(servers(2, 0, 0), even), "among a few, two more than another");
    t.notOk(isUneven(servers(1, 0, 0), even), "one cannot be shared out");
    t.notOk(isUneven(servers(3, 2, 1), even));
    t.notOk(isUneven(servers(252, 250, 248), even), "a few of many");
    t.ok(isUneven(servers(270, 250, 230), even));
    t.ok(isUneven([...servers(...Array<number>(63).fill(1_000)), ...servers(0)], even), "one of 64 is empty");
  }
});

t.test("messages count for the strategy that looks at them", async (t) => {
  t.ok(isUneven(sending(300, 100, 100), policy("least-busy")));
  t.notOk(isUneven(sending(300, 100, 100), policy("least-connections")));
  t.notOk(isUneven(sending(105, 100, 95), policy("least-busy")), "by chance");
  t.notOk(isUneven(sending(2, 0, 0), policy("least-busy")), "a quiet service");
});

t.test("a difference in messages alone leaves connections as they are", async (t) => {
  const uneven = sending(300, 100, 100).map((server, index) => ({ ...server, connections: 100 - index }));
  t.same(unevenness(uneven, policy("least-busy")), { slack: null, traffic: true });
  const [first, ...rest] = uneven;
  if (first === undefined) throw new Error("three were made");
  const both = [{ ...first, connections: 0 }, ...rest];
  t.same(unevenness(both, policy("least-busy")), { slack: 0, traffic: true });
  t.same(unevenness(both, policy("least-connections")), { slack: 0, traffic: false });
});

t.test("a server that may take nobody is not waited for", async (t) => {
  const [full, other, empty] = servers(100, 100, 0);
  if (full === undefined || other === undefined || empty === undefined) throw new Error("three were made");
  t.notOk(isUneven([full, other, { ...empty, room: 0 }], policy("least-busy")));
  t.notOk(isUneven([full, other, { ...empty, duty: "draining" }], policy("least-busy")));
  t.notOk(isUneven(servers(100), policy("least-busy")), "alone");
});

t.test("a strategy that is not about evenness is corrected where somebody asks for it only", async (t) => {
  for (const strategy of ["round-robin", "random", "./mine.js", "toString"]) {
    t.equal(policyOf(strategy), null, strategy);
    t.same(goalAsked(strategy), { slack: 0, traffic: false });
  }
  t.same(goalAsked("least-busy"), { slack: 0, traffic: true });
  t.notOk(isUneven(servers(120, 100, 80), policy("bounded-consistent-hash")), "within its bound");
  t.ok(isUneven(servers(150, 150, 0), policy("bounded-consistent-hash")));
  for (const strategy of Object.keys(STRATEGIES)) t.doesNotThrow(() => goalAsked(strategy));
});
