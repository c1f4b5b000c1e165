/** How a chat server leaves (PROTOCOL.md, "Views and homes"), and what may come between. */
import t from "tap";
import type { Incarnation, ServerId } from "../../src/protocol/ids.js";
import { CHAT_1, CHAT_2, CHAT_3, Story, timeouts } from "./story.js";

/** A story in which chat-3 is to go. */
function retiring(): Story {
  const story = Story.running();
  story.order({ do: "scale", servers: 2 });
  return story;
}

/** One in which it is empty, and the view without it is being prepared. */
function leaving(): Story {
  const story = retiring();
  story.empties(CHAT_3);
  return story;
}

const PREPARE = [
  "chat-1: prepare 2 of chat-1,chat-2",
  "chat-2: prepare 2 of chat-1,chat-2",
  "chat-3: prepare 2 of chat-1,chat-2",
];
const ACTIVATE = ["chat-1: activate 2 of chat-1,chat-2", "chat-2: activate 2 of chat-1,chat-2"];
const FORGET = [
  "chat-1: unlink chat-3 chat-3.1",
  "chat-2: unlink chat-3 chat-3.1",
  "balancer: serverGone chat-3 chat-3.1",
];

t.test(
  "a server that is empty hands its mailboxes over, is stopped, and forgotten once it has ended",
  async (t) => {
    const story = retiring();
    t.same(story.pass(1000), []);
    t.same(story.empties(CHAT_3), PREPARE);
    story.prepared(CHAT_1);
    story.prepared(CHAT_2);
    t.same(story.prepared(CHAT_3), [...ACTIVATE, "chat-3: stop"]);
    t.equal(story.servers[2], "chat-3 stopping retiring");
    t.same(story.exits(CHAT_3), FORGET, "no other view is begun");
    t.equal(story.servers.length, 2);
    t.equal(story.state.view.number, 2);
    t.same(story.logged.slice(-2), [
      "info: the servers share the accounts anew",
      "info: a chat server was removed",
    ]);
    t.same(story.pass(100_000), [], "it is not started again");
  },
);

t.test("one that is never empty leaves after its time", async (t) => {
  const story = retiring();
  t.same(story.pass(timeouts.drainMs - 1), []);
  t.same(story.pass(1), PREPARE);
});

t.test("what an earlier start of a server was is no reason to leave", async (t) => {
  const story = retiring();
  const incarnation = "chat-3.0" as Incarnation;
  t.same(story.from("balancer", { type: "emptied", id: CHAT_3, incarnation }), []);
  t.same(story.empties(CHAT_2), [], "nor is that one that stays is empty");
});

t.test("several that leave at once make one view", async (t) => {
  const story = Story.running();
  story.order({ do: "scale", servers: 1 });
  t.same(story.pass(timeouts.drainMs), [
    "chat-1: prepare 2 of chat-1",
    "chat-2: prepare 2 of chat-1",
    "chat-3: prepare 2 of chat-1",
  ]);
  story.prepared(CHAT_3);
  story.prepared(CHAT_1);
  t.same(story.prepared(CHAT_2), ["chat-1: activate 2 of chat-1", "chat-2: stop", "chat-3: stop"]);
  t.same(story.exits(CHAT_2), ["chat-1: unlink chat-2 chat-2.1", "balancer: serverGone chat-2 chat-2.1"]);
  t.same(story.exits(CHAT_3), ["chat-1: unlink chat-3 chat-3.1", "balancer: serverGone chat-3 chat-3.1"]);
});

t.test("a server that dies before it leaves is gone, as any that dies, and stays so", async (t) => {
  const story = retiring();
  t.same(story.exits(CHAT_3), [...FORGET, ...PREPARE.slice(0, 2)]);
  t.equal(story.servers.length, 2);
  t.same(story.pass(1000), []);
});

t.test("one that dies while it hands over is not waited for", async (t) => {
  const story = leaving();
  story.prepared(CHAT_1);
  t.same(story.exits(CHAT_3), FORGET, "the view that is prepared has it not: none other is begun");
  t.same(story.prepared(CHAT_2), ACTIVATE);

  const last = leaving();
  last.prepared(CHAT_1);
  last.prepared(CHAT_2);
  t.same(last.exits(CHAT_3), [...FORGET, ...ACTIVATE], "where it was the last, the view holds at once");
  t.equal(last.servers.length, 2);
});

t.test("one that does not hand over in time is ended", async (t) => {
  const story = leaving();
  story.prepared(CHAT_1);
  story.prepared(CHAT_2);
  t.same(story.pass(timeouts.prepareMs), ["terminate chat-3", ...FORGET, ...ACTIVATE]);
  t.equal(story.servers[2], "chat-3 dying retiring");
  t.same(story.exits(CHAT_3), []);
  t.equal(story.servers.length, 2);
});

t.test("one that does not stop in time is ended", async (t) => {
  const story = leaving();
  for (const id of [CHAT_1, CHAT_2, CHAT_3]) story.prepared(id);
  t.same(story.pass(timeouts.stopMs - 1), []);
  t.same(story.pass(1), ["terminate chat-3", ...FORGET]);
  t.same(story.exits(CHAT_3), []);
  t.equal(story.servers.length, 2);
});

t.test("when another server dies meanwhile, who leaves takes part in the next view as well", async (t) => {
  const story = leaving();
  story.prepared(CHAT_3);
  t.same(story.exits(CHAT_2), [
    "chat-1: unlink chat-2 chat-2.1",
    "chat-3: unlink chat-2 chat-2.1",
    "balancer: serverGone chat-2 chat-2.1",
    "chat-1: prepare 3 of chat-1",
    "chat-3: prepare 3 of chat-1",
  ]);
  t.same(story.prepared(CHAT_1, 2), [], "an answer to the view that was given up means nothing");
  story.prepared(CHAT_1);
  t.same(story.prepared(CHAT_3), ["chat-1: activate 3 of chat-1", "chat-3: stop"]);
});

t.test("a server that was told to stop is in no later change of view", async (t) => {
  const story = leaving();
  for (const id of [CHAT_1, CHAT_2, CHAT_3]) story.prepared(id);
  story.order({ do: "scale", servers: 3 });
  t.same(story.ready("chat-4"), [
    "mesh chat-4 chat-1",
    "mesh chat-4 chat-2",
    "introduce chat-4 chat-4.1 to balancer",
    "chat-1: prepare 3 of chat-1,chat-2,chat-4",
    "chat-2: prepare 3 of chat-1,chat-2,chat-4",
    "chat-4: prepare 3 of chat-1,chat-2,chat-4",
  ]);
});

t.test("nobody leaves as long as nobody else runs, nor is anybody asked in vain", async (t) => {
  const story = retiring();
  story.exits(CHAT_1, "no memory");
  story.exits(CHAT_2, "no memory");
  t.same(story.empties(CHAT_3), []);
  t.ok(story.state.wakeAt > story.now);
  story.prepared(CHAT_3);
  story.pass(100);
  t.same(story.ready(CHAT_2), [
    "mesh chat-2 chat-3",
    "introduce chat-2 chat-2.2 to balancer",
    "chat-2: prepare 4 of chat-2",
    "chat-3: prepare 4 of chat-2",
  ]);
});

t.test("when all others die while one leaves, it leaves once one of them is back", async (t) => {
  const story = leaving();
  story.exits(CHAT_1);
  t.same(story.exits(CHAT_2).slice(-1), ["balancer: serverGone chat-2 chat-2.1"]);
  t.same(story.state.view.members, []);
  story.pass(100);
  story.ready(CHAT_1);
  story.prepared(CHAT_1);
  t.same(story.prepared(CHAT_3).slice(-2), ["chat-1: activate 5 of chat-1", "chat-3: stop"]);
});

t.test(
  "a balancer that dies changes nothing; the next one is told who is to go, and says anew who is empty",
  async (t) => {
    const story = retiring();
    story.exits("balancer");
    story.pass(100);
    story.ready("balancer");
    t.equal(story.servers[2], "chat-3 running retiring");
    t.same(story.empties(CHAT_3), PREPARE);
    story.exits("balancer");
    for (const id of [CHAT_1, CHAT_2, CHAT_3]) story.prepared(id);
    t.same(story.exits(CHAT_3), FORGET.slice(0, 2), "nobody is there to be told");
  },
);

t.test("what a balancer orders that is dead by then is not done", async (t) => {
  const story = Story.running();
  const { run } = story.thread("balancer");
  story.exits("balancer");
  t.same(story.from("balancer", { type: "order", ref: 9, order: { do: "scale", servers: 1 } }, run), []);
  story.pass(100);
  t.equal(story.thread(CHAT_3).assignment.is, "serving");
});

t.test("time in which the supervisor slept is not held against who is to go", async (t) => {
  const story = retiring();
  story.now += 10 * timeouts.drainMs;
  t.notOk(story.on({ type: "wake" }).some((text) => text.includes("prepare")));
  story.empties(CHAT_3);
  for (const id of [CHAT_1, CHAT_2, CHAT_3]) story.prepared(id);
  story.now += 10 * timeouts.stopMs;
  t.notOk(story.on({ type: "wake" }).some((text) => text.startsWith("terminate")));
  t.ok(story.pass(timeouts.stopMs).includes("terminate chat-3"));
});

t.test("a stop of everything waits for who leaves, and tells it once", async (t) => {
  const before = retiring();
  before.on({ type: "stop" });
  t.same(before.exits("balancer"), ["chat-1: stop", "chat-2: stop", "chat-3: stop"]);

  const during = leaving();
  during.on({ type: "stop" });
  t.same(during.prepared(CHAT_1), []);
  t.same(during.prepared(CHAT_2), []);
  t.same(during.prepared(CHAT_3), [], "no view is begun or held any more");
  t.same(during.exits("balancer"), ["chat-1: stop", "chat-2: stop", "chat-3: stop"]);

  const after = leaving();
  for (const id of [CHAT_1, CHAT_2, CHAT_3]) after.prepared(id);
  after.on({ type: "stop" });
  t.same(after.exits("balancer"), ["chat-1: stop", "chat-2: stop"]);
  after.exits(CHAT_1);
  t.same(after.exits(CHAT_2), []);
  t.same(after.exits(CHAT_3), ["archive: stop"]);
});

t.test("a name that is free again is given to a later run, and nothing of the first means it", async (t) => {
  const story = leaving();
  for (const id of [CHAT_1, CHAT_2, CHAT_3]) story.prepared(id);
  story.exits(CHAT_3);
  t.same(story.order({ do: "scale", servers: 3 }), ["spawn chat-3", "balancer: order 2 taken up"]);
  t.same(story.from(CHAT_3, { type: "exited", reason: null }, 1), []);
  t.equal(story.thread(CHAT_3).life.at, "starting");
  t.same(story.ready(CHAT_3).slice(0, 1), ["mesh chat-3 chat-1"]);
  const entry = story.state.view.members.find(({ id }) => id === ("chat-3" as ServerId));
  t.equal(entry?.incarnation, "chat-3.2");
});
