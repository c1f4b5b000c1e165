import t from "tap";
import { eligible } from "../../src/lb/eligibility.js";
import { health } from "./loads.js";

const ids = (servers: ReturnType<typeof health>[]) => eligible(servers, 5000).map((server) => server.id);

t.test("sound servers with room are all on offer", (t) => {
  t.same(ids([health("chat-1"), health("chat-2", { connections: 999 })]), ["chat-1", "chat-2"]);
  t.end();
});

t.test("a full server takes no more, placements on their way included, even if it is the only one", (t) => {
  t.same(ids([health("chat-1", { connections: 600, placed: 400 }), health("chat-2")]), ["chat-2"]);
  t.same(ids([health("chat-1", { connections: 1000 })]), []);
  t.end();
});

t.test("a server that fails fast is left out, although it has the fewest connections", (t) => {
  const failing = health("chat-1", { connections: 0, failures: 9, successes: 1 });
  t.same(ids([failing, health("chat-2", { connections: 500, failures: 1, successes: 20 })]), ["chat-2"]);
  t.same(
    ids([failing, health("chat-2", { connections: 500 })]),
    ["chat-2"],
    "also where nothing ended yet elsewhere",
  );
  t.end();
});

t.test("short visits that are as common everywhere are nobody's failure", (t) => {
  const visits = { failures: 40, successes: 3 };
  t.same(ids([health("chat-1", visits), health("chat-2", visits)]), ["chat-1", "chat-2"]);
  t.end();
});

t.test("a few failures may be chance", (t) => {
  t.same(ids([health("chat-1", { failures: 4 }), health("chat-2")]), ["chat-1", "chat-2"]);
  t.end();
});

t.test("a loop well behind the others' is left out, and comes back when it keeps up", (t) => {
  const late = health("chat-2", { loopDelayMs: 900 });
  t.same(ids([health("chat-1"), late, health("chat-3")]), ["chat-1", "chat-3"]);
  t.same(ids([health("chat-1"), { ...late, loopDelayMs: 150 }, health("chat-3")]), [
    "chat-1",
    "chat-2",
    "chat-3",
  ]);
  const slow = { loopDelayMs: 800 };
  t.same(
    ids([health("chat-1", slow), late, health("chat-3", slow)]),
    ["chat-1", "chat-2", "chat-3"],
    "a slow machine makes all late",
  );
  t.end();
});

t.test("a silent server is left out, but is better than none", (t) => {
  const silent = health("chat-1", { silentMs: 5001 });
  t.same(ids([silent, health("chat-2")]), ["chat-2"]);
  t.same(ids([silent]), ["chat-1"]);
  t.same(
    ids([silent, health("chat-2", { silentMs: 9000 })]),
    ["chat-1", "chat-2"],
    "if all are silent, it was the balancer that was asleep",
  );
  t.end();
});
