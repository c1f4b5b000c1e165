import t from "tap";
import { LoadView } from "../../src/lb/load-view.js";
import { accountId, deviceId, entry, report } from "./loads.js";

const one = entry(1);
const two = entry(2);
const session = (number: number) => ({
  session: number,
  account: accountId(number),
  device: deviceId(number),
});

function viewOf(...servers: ReturnType<typeof entry>[]) {
  const view = new LoadView({ placementMs: 60_000, capacity: 100, warmUpMs: 30_000 });
  for (const server of servers) view.add(server, 0);
  const at = (now: number, index = 0) => {
    const server = view.servers(now)[index];
    if (server === undefined) throw new Error("no such server");
    return server;
  };
  return { view, at };
}

t.test("a placement counts from the moment it is made until its ticket is used", (t) => {
  const { view, at } = viewOf(one);
  view.placed(one, "aa", 0);
  view.placed(one, "bb", 0);
  t.match(at(1), { connections: 0, placed: 2 });
  view.connected(one, session(1), "aa", 2);
  t.match(at(3), { connections: 1, placed: 1 });
  view.connected(one, session(2), "aa", 3);
  t.match(at(3), { connections: 2, placed: 1 }, "a nonce counts once");
  t.end();
});

t.test("a placement that never connects expires with its ticket, and counts as a failure", (t) => {
  const { view, at } = viewOf(one);
  view.placed(one, "aa", 0);
  view.placed(one, "bb", 1000);
  t.match(at(59_999), { placed: 2, failures: 0 });
  t.match(at(60_000), { placed: 1, failures: 1 });
  view.connected(one, session(1), "aa", 60_001);
  t.match(at(60_001), { connections: 1, placed: 1 }, "one that comes late is a connection all the same");
  t.match(at(61_000), { placed: 0 });
  t.end();
});

t.test("a session that ends at once is a failure, one that lasted is not; both are forgotten", (t) => {
  const { view, at } = viewOf(one);
  view.connected(one, session(1), "", 0);
  view.connected(one, session(2), "", 0);
  view.disconnected(one, 1, 100);
  view.disconnected(one, 1, 100);
  t.match(at(100), { connections: 1, failures: 1, successes: 0 }, "and it ends once");
  view.disconnected(one, 2, 5100);
  t.match(at(5100), { connections: 0, successes: 1 });
  t.ok(at(65_100).failures < 0.02, "after a minute nothing is held against it");
  t.end();
});

t.test("reports correct what was counted", (t) => {
  const { view, at } = viewOf(one);
  view.connected(one, session(1), "", 0);
  view.report(one, report({ connections: 5, unsettled: 3, writeQueue: 4 }), 1000);
  t.match(at(1500), { connections: 5, queued: 7, silentMs: 500 });
  view.connected(one, session(2), "", 1600);
  t.match(at(1600), { connections: 6 }, "what comes after the report is counted on top of it");
  view.report(one, report({ connections: 2 }), 2000);
  t.match(at(2000), { connections: 2 });
  t.end();
});

t.test("traffic is a rate, averaged over a few reports", (t) => {
  const { view, at } = viewOf(one);
  view.report(one, report({ messagesIn: 100, messagesOut: 100, bytesIn: 1000, overMs: 500 }), 1000);
  t.match(at(1000), { messagesPerSecond: 400, bytesPerSecond: 2000 });
  view.report(one, report(), 2000);
  t.match(at(2000), { messagesPerSecond: 280 });
  t.end();
});

t.test("a list of sessions replaces those known, and those before the balancer are no failures", (t) => {
  const { view, at } = viewOf(one);
  view.connected(one, session(9), "", 0);
  view.sessions(one, [session(1), session(2)]);
  t.match(at(0), { connections: 2 });
  view.disconnected(one, 1, 10);
  t.match(at(10), { connections: 1, failures: 0, successes: 1 });
  t.end();
});

t.test("a restarted server begins anew, and nothing of its former start reaches it", (t) => {
  const { view, at } = viewOf(one, two);
  view.placed(one, "aa", 0);
  view.connected(one, session(1), "", 0);
  const again = entry(1, 77);
  view.add(again, 100);
  t.match(at(100), { connections: 0, placed: 0, entry: again });
  view.connected(one, session(2), "", 100);
  view.report(one, report({ connections: 50 }), 100);
  view.connected(again, session(3), "aa", 100);
  view.remove(one);
  t.match(at(100), { connections: 1, placed: 0 });
  t.match(at(70_000), { failures: 0 }, "the placements of the dead are not the new start's failures");
  view.remove(again);
  t.same(
    view.servers(100).map((server) => server.id),
    ["chat-2"],
  );
  t.end();
});

t.test("the same start that comes again keeps what is known of it", (t) => {
  const { view, at } = viewOf(one);
  view.connected(one, session(1), "", 0);
  view.add(one, 10);
  t.match(at(10), { connections: 1 });
  t.end();
});

t.test("servers are in the order of their ids, whatever the order they came in", (t) => {
  const { view } = viewOf(two, one);
  t.same(
    view.servers(0).map((server) => server.id),
    ["chat-1", "chat-2"],
  );
  t.end();
});

t.test("a session that moves counts where it will be, and as neither a failure nor a success", (t) => {
  const { view, at } = viewOf(one, two);
  view.connected(one, session(1), "", 0);
  t.ok(view.moving(one, 1, two, "aa", 100));
  t.match(at(100), { connections: 1, leaving: 1, placed: 0 });
  t.match(at(100, 1), { connections: 0, placed: 1 });
  t.equal(view.leaving, 1);
  t.notOk(view.moving(one, 1, two, "bb", 200), "once");
  view.connected(two, session(9), "aa", 300);
  t.match(at(300, 1), { connections: 1, placed: 0 });
  view.disconnected(one, 1, 400);
  t.match(at(400), { connections: 0, leaving: 0, failures: 0, successes: 0 });
  t.match(view.sessionsOf(two.id).get(9), { moved: true, since: 300 });
  t.end();
});

t.test("who goes elsewhere than told takes the place that was kept along, whatever is heard first", (t) => {
  const { view, at } = viewOf(one, two);
  view.connected(one, session(1), "", 0);
  view.moving(one, 1, two, "aa", 100);
  view.disconnected(one, 1, 200);
  t.match(at(200, 1), { connections: 0, placed: 0 });
  view.connected(two, session(9), "aa", 300);
  t.match(at(300, 1), { connections: 1, placed: 0 }, "news of the new session may come later");
  t.end();
});

t.test("a session that moved is known for it where its end is heard of first", (t) => {
  const { view, at } = viewOf(one, two);
  view.connected(one, session(1), "", 0);
  view.report(one, report({ messagesIn: 30 }), 1000, [{ session: 1, messages: 20 }]);
  view.report(two, report({ messagesIn: 10 }), 1000);
  view.moving(one, 1, two, "aa", 1100);
  view.disconnected(one, 1, 1200);
  view.connected(two, session(9), "aa", 1300);
  t.match(view.sessionsOf(two.id).get(9), { moved: true });
  t.match(at(1300, 1), { connections: 1, placed: 0 });
  t.ok(Math.abs((view.trafficOf(two.id)?.rateOf(9) ?? 0) - 20) < 1e-6, "and has its messages with it");
  t.match(at(70_000, 1), { placed: 0, failures: 0 });
  view.moving(two, 9, one, "bb", 70_000);
  view.disconnected(two, 9, 70_100);
  t.match(at(140_000), { placed: 0, failures: 0 }, "who never comes was counted off once");
  view.connected(one, session(10), "bb", 140_001);
  t.match(view.sessionsOf(one.id).get(10), { moved: false }, "and is a stranger after the ticket's time");
  t.end();
});

t.test("who was told to move and stays is no failure of the server that waits", (t) => {
  const { view, at } = viewOf(one, two);
  view.connected(one, session(1), "", 0);
  view.moving(one, 1, two, "aa", 100);
  t.match(at(60_100, 1), { placed: 0, failures: 0 });
  t.match(at(60_100), { connections: 1, leaving: 0 });
  t.ok(view.moving(one, 1, two, "bb", 60_200), "and may be told again");
  t.end();
});

t.test("who was told to move to a server that is gone stays, until it is told again", (t) => {
  const { view, at } = viewOf(one, two);
  for (const number of [1, 2]) {
    view.connected(one, session(number), "", 0);
    view.moving(one, number, two, `aa${number}`, 100);
  }
  view.disconnected(one, 2, 150);
  view.remove(two);
  t.match(at(200), { connections: 1, leaving: 0 });
  view.add(two, 300);
  t.ok(view.moving(one, 1, two, "bb", 300));
  view.add(entry(2, 77), 400);
  t.match(at(400), { connections: 1, leaving: 0 }, "a new start of it knows no ticket of the former");
  t.end();
});

t.test("nobody is sent from or to a server, or a start of it, that is not there", (t) => {
  const { view } = viewOf(one);
  view.connected(one, session(1), "", 0);
  t.notOk(view.moving(one, 1, two, "aa", 0));
  t.notOk(view.moving(entry(1, 9), 1, one, "aa", 0));
  t.notOk(view.moving(one, 2, one, "aa", 0));
  t.equal(view.leaving, 0);
  t.end();
});

t.test(
  "a list of sessions keeps what is known of those that move, and lets go of those that are gone",
  (t) => {
    const { view, at } = viewOf(one, two);
    view.connected(one, session(1), "", 0);
    view.connected(one, session(2), "", 0);
    view.moving(one, 1, two, "aa", 100);
    view.moving(one, 2, two, "bb", 100);
    view.sessions(one, [session(1)]);
    t.match(at(200), { connections: 1, leaving: 1 });
    t.match(at(200, 1), { placed: 1 });
    t.ok(view.isNamed(one.id));
    t.notOk(view.isNamed(two.id));
    t.end();
  },
);

t.test("messages are known by session, and move with it", (t) => {
  const { view } = viewOf(one, two);
  view.connected(one, session(1), "", 0);
  for (const server of [one, two]) view.report(server, report({ messagesIn: 10 }), 1000);
  view.report(one, report({ messagesIn: 30 }), 1000, [{ session: 1, messages: 20 }]);
  const before = view.trafficOf(one.id)?.total ?? 0;
  view.moving(one, 1, two, "aa", 1000);
  view.connected(two, session(5), "aa", 1000);
  const moved = new Map(view.trafficOf(two.id)?.known()).get(5) ?? 0;
  t.ok(moved > 5, `${moved}`);
  t.ok(Math.abs((view.trafficOf(one.id)?.total ?? 0) + moved - before) < 1e-6);
  t.end();
});

t.test(
  "messages of who is on the way count at neither end yet, and are told apart from what is there",
  (t) => {
    const { view } = viewOf(one, two);
    view.connected(one, session(1), "", 0);
    view.report(one, report({ messagesIn: 30 }), 1000, [{ session: 1, messages: 20 }]);
    view.report(two, report({ messagesIn: 10 }), 1000);
    t.same([...view.messagesUnderWay()], []);
    view.placed(two, "bb", 1000);
    view.moving(one, 1, two, "aa", 1000);
    const under = view.messagesUnderWay();
    t.ok(Math.abs((under.get(one.id) ?? 0) + 20) < 1e-6 && Math.abs((under.get(two.id) ?? 0) - 20) < 1e-6);
    view.connected(two, session(5), "aa", 1100);
    view.disconnected(one, 1, 1100);
    t.same([...view.messagesUnderWay()], []);
    t.end();
  },
);

t.test(
  "a server that comes to others in use is warmed up; one that starts with them, or has people, is not",
  (t) => {
    const { view, at } = viewOf(one, two);
    t.match(at(0), { warmth: 1 });
    view.sessions(one, [session(1)]);
    view.add(entry(3), 1000);
    t.match(at(1000, 2), { warmth: 0.1 });
    view.sessions(entry(3), [session(1)]);
    t.match(at(1000, 2), { warmth: 1 }, "a balancer that was restarted hears of them one by one");
    view.warmUp(two.id, 2000);
    t.match(at(17_000, 1), { warmth: 0.5 });
    t.match(at(32_000, 1), { warmth: 1 });
    t.end();
  },
);
