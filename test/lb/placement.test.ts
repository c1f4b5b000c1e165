import t from "tap";
import { toHex } from "../../src/protocol/bytes.js";
import { LoadView } from "../../src/lb/load-view.js";
import { Placement } from "../../src/lb/placement.js";
import type { Duty } from "../../src/protocol/threads.js";
import type { PlacementRequest, Strategy } from "../../src/lb/strategy.js";
import { leastBusy } from "../../src/lb/strategies/least-busy.js";
import { leastConnections } from "../../src/lb/strategies/least-connections.js";
import { powerOfTwoChoices } from "../../src/lb/strategies/power-of-two-choices.js";
import { systemRandom } from "../../src/node/clock.js";
import { VirtualClock } from "../../bench/simulation/virtual-clock.js";
import { accountId, deviceId, entry, maxMinusMean, randomAccount, serverId } from "./loads.js";

function placementOf(strategy: Strategy, servers: number, capacity = 1000) {
  const clock = new VirtualClock();
  const view = new LoadView({ placementMs: 60_000, capacity, warmUpMs: 30_000 });
  for (let number = 1; number <= servers; number++) view.add(entry(number), clock.now());
  const duties = new Map<string, Duty>();
  const placement = new Placement({
    view,
    dutyOf: (server) => duties.get(server) ?? "serving",
    strategy,
    clock,
    random: systemRandom,
    reportMs: 1000,
  });
  return { clock, view, placement, duties };
}

t.test("placements count at once: a burst without any report is spread evenly", (t) => {
  const { view, placement, clock } = placementOf(leastConnections, 4);
  for (let i = 0; i < 30; i++) placement.place(randomAccount());
  t.ok(maxMinusMean(view.servers(clock.now())) <= 1);
  t.end();
});

t.test("without a server the answer is unavailable, with a time to wait", (t) => {
  const { placement } = placementOf(leastConnections, 0);
  t.throws(() => placement.place(accountId()), { code: "unavailable", retryAfterMs: 1000 });
  t.end();
});

t.test("full servers are not on offer", (t) => {
  const { placement } = placementOf(leastConnections, 2, 3);
  for (let i = 0; i < 6; i++) placement.place(accountId());
  t.throws(() => placement.place(accountId()), { code: "unavailable" });
  t.end();
});

t.test("nobody is placed on a server that is to be empty, however little is done there", (t) => {
  const { placement, duties } = placementOf(leastConnections, 3);
  duties.set(serverId("chat-1"), "draining").set(serverId("chat-3"), "retiring");
  for (let i = 0; i < 6; i++) t.equal(placement.place(randomAccount()).server.id, serverId("chat-2"));
  duties.set(serverId("chat-2"), "draining");
  t.throws(() => placement.place(accountId()), {
    code: "unavailable",
    message: /emptied/,
    retryAfterMs: 1000,
  });
  duties.delete(serverId("chat-1"));
  t.equal(placement.place(accountId()).server.id, serverId("chat-1"), "one that serves again");
  t.end();
});

t.test("a strategy that names no server on offer is found out", (t) => {
  const { placement } = placementOf(() => serverId("elsewhere"), 2);
  t.throws(() => placement.place(accountId()), { code: "internal", message: /"elsewhere"/ });
  t.end();
});

t.test("a strategy is given the account, fresh draws and its turn", (t) => {
  const seen: PlacementRequest[] = [];
  const { placement } = placementOf((servers, request) => {
    seen.push(request);
    return leastConnections(servers, request);
  }, 2);
  const nonces = [placement.place(accountId(7)), placement.place(accountId(7))].map(({ nonce }) =>
    toHex(nonce),
  );
  t.not(nonces[0], nonces[1]);
  t.same(
    seen.map(({ account, turn }) => ({ account, turn })),
    [
      { account: accountId(7), turn: 0 },
      { account: accountId(7), turn: 1 },
    ],
  );
  t.not(seen[0]?.draws[0], seen[1]?.draws[0]);
  t.ok(seen.flatMap(({ draws }) => draws).every((draw) => draw >= 0 && draw < 1));
  t.end();
});

for (const [name, strategy] of Object.entries({ leastBusy, leastConnections, powerOfTwoChoices })) {
  t.test(`${name}: a server that drops every session at once does not look attractive`, (t) => {
    const { view, placement, clock } = placementOf(strategy, 3);
    const bad = entry(1);
    let placedOnBad = 0;
    for (let i = 1; i <= 300; i++) {
      const { server, nonce } = placement.place(randomAccount());
      const session = { session: i, account: accountId(), device: deviceId() };
      view.connected(server, session, toHex(nonce), clock.now());
      if (server.id === bad.id) {
        placedOnBad++;
        view.disconnected(server, i, clock.now());
      }
      clock.advance(10);
    }
    t.ok(placedOnBad <= 100, `it got ${placedOnBad} of 300`);
    t.end();
  });
}

t.test("a newcomer is not sent everybody who comes: its share grows", (t) => {
  const { view, placement, clock } = placementOf(leastConnections, 3);
  for (const number of [1, 2, 3]) {
    const sessions = Array.from({ length: 100 }, (_, i) => ({
      session: i + 1,
      account: accountId(),
      device: deviceId(),
    }));
    view.sessions(entry(number), sessions);
  }
  view.add(entry(4), clock.now());
  const share = (): number => {
    let there = 0;
    for (let i = 0; i < 300; i++) if (placement.place(randomAccount()).server.id === "chat-4") there++;
    return there / 300;
  };
  const first = share();
  t.ok(first > 0.02 && first < 0.25, `${first} at first`);
  // By then the others have long been fuller, by what was placed there.
  clock.advance(15_000);
  const later = share();
  t.ok(later > 0.35 && later < 0.65, `${later} half-way`);
  t.end();
});

t.test("a newcomer that is alone takes everybody", (t) => {
  const { view, placement, clock } = placementOf(leastConnections, 1);
  view.sessions(entry(1), [{ session: 1, account: accountId(), device: deviceId() }]);
  view.add(entry(2), clock.now());
  view.remove(entry(1));
  for (let i = 0; i < 20; i++) t.equal(placement.place(randomAccount()).server.id, "chat-2");
  t.end();
});
