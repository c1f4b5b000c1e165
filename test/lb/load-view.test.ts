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
