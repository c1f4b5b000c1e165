/** What operators have the supervisor do (PROTOCOL.md, "Operators"): which orders it takes up, and what they begin. */
import t from "tap";
import type { ServerId } from "../../src/protocol/ids.js";
import { CHAT_1, CHAT_2, CHAT_3, EMBEDDED, Story, timeouts } from "./story.js";

const CHAT_4 = "chat-4" as ServerId;
const CHAT_5 = "chat-5" as ServerId;
const ALL = "chat-1,chat-2,chat-3";

t.test("a server is drained and serves again; the balancer knows before the operator", async (t) => {
  const story = Story.running();
  t.same(story.order({ do: "drain", server: CHAT_2 }), ["balancer: order 1 taken up"]);
  t.same(story.servers, ["chat-1 running serving", "chat-2 running draining", "chat-3 running serving"]);
  t.same(story.order({ do: "drain", server: CHAT_2 }), ["balancer: order 2 taken up"], "as it is already");
  t.same(story.order({ do: "resume", server: CHAT_2 }), ["balancer: order 3 taken up"]);
  t.same(story.servers[1], "chat-2 running serving");
  t.same(story.logged, Array(3).fill("info: an operator's order is taken up"));
});

t.test("the balancer is told of all threads when something changes, and not otherwise", async (t) => {
  const story = Story.running();
  const before = story.fleets.length;
  story.pass(10_000);
  t.equal(story.fleets.length, before);
  story.order({ do: "drain", server: CHAT_1 });
  story.from(CHAT_1, { type: "trouble", trouble: "diskFull" });
  t.equal(story.fleets.length, before + 2);
  t.match(story.fleets.at(-1)?.[0], { id: CHAT_1, kind: "chat", duty: "draining", trouble: "diskFull" });
});

t.test("a server that is drained and dies is drained when it is back", async (t) => {
  const story = Story.running();
  story.order({ do: "drain", server: CHAT_2 });
  story.exits(CHAT_2);
  t.equal(story.servers[1], "chat-2 resting draining");
  story.pass(100);
  story.ready(CHAT_2);
  t.equal(story.servers[1], "chat-2 running draining");
});

t.test("a balancer that returns knows what each server is for before it knows any server", async (t) => {
  const story = Story.running();
  story.order({ do: "drain", server: CHAT_3 });
  story.exits("balancer");
  story.pass(100);
  const told = story.fleets.length;
  story.ready("balancer");
  t.equal(story.fleets.length, told + 1);
  t.equal(story.servers[2], "chat-3 running draining");
});

t.test(
  "a balancer that returns goes on with the rebalance that an operator asked for, until it is over",
  async (t) => {
    const story = Story.running();
    t.same(story.order({ do: "rebalance" }), ["balancer: order 1 taken up"]);
    t.same(story.rebalancing.slice(-2), [false, true], "which is told before the order is answered");
    t.same(story.order({ do: "rebalance" }), ["balancer: order 2 taken up"], "as it is already");
    story.exits("balancer");
    story.pass(100);
    story.ready("balancer");
    t.equal(story.rebalancing.at(-1), true);
    story.from("balancer", { type: "evened" });
    t.equal(story.rebalancing.at(-1), false);
    story.exits("balancer");
    story.pass(100);
    story.ready("balancer");
    t.equal(story.rebalancing.at(-1), false);
  },
);

t.test("what would leave nobody to take people is refused, and so is what is not there", async (t) => {
  const story = Story.running();
  story.order({ do: "drain", server: CHAT_1 });
  story.exits(CHAT_3);
  t.same(story.order({ do: "drain", server: CHAT_2 }), ["balancer: order 2 conflict"], "chat-3 rests");
  t.same(story.order({ do: "scale", servers: 0 }), ["balancer: order 3 badRequest"]);
  t.same(story.order({ do: "scale", servers: 65 }), ["balancer: order 4 badRequest"]);
  t.same(story.order({ do: "scale", servers: 1.5 }), ["balancer: order 5 badRequest"]);
  t.same(story.order({ do: "drain", server: CHAT_4 }), ["balancer: order 6 noSuchServer"]);
  t.same(story.order({ do: "resume", server: "balancer" as ServerId }), ["balancer: order 7 noSuchServer"]);
  t.same(story.servers, ["chat-1 running draining", "chat-2 running serving", "chat-3 resting serving"]);
  story.exits(CHAT_2);
  t.same(story.order({ do: "scale", servers: 1 }), ["balancer: order 8 conflict"], "who would stay rests");
});

t.test("before everything runs, and while it stops, no order is taken up", async (t) => {
  const story = new Story();
  story.on({ type: "begin" });
  story.ready("database-service");
  story.ready("database-archive");
  story.on({ type: "migrated" });
  story.ready("balancer");
  t.same(story.order({ do: "scale", servers: 4 }), ["balancer: order 1 unavailable"]);
});

t.test("a server that is added is started, linked, and in a view only once it runs", async (t) => {
  const story = Story.running();
  t.same(story.order({ do: "scale", servers: 4 }), ["spawn chat-4", "balancer: order 1 taken up"]);
  t.same(story.servers.slice(3), ["chat-4 starting serving"]);
  story.exits(CHAT_2);
  t.equal(story.state.view.number, 2, "who only starts holds up no view");
  story.prepared(CHAT_1);
  t.same(story.prepared(CHAT_3), [
    "chat-1: activate 2 of chat-1,chat-3",
    "chat-3: activate 2 of chat-1,chat-3",
  ]);
  t.same(story.ready(CHAT_4), [
    "mesh chat-4 chat-1",
    "mesh chat-4 chat-3",
    "introduce chat-4 chat-4.1 to balancer",
    "chat-1: prepare 3 of chat-1,chat-3,chat-4",
    "chat-3: prepare 3 of chat-1,chat-3,chat-4",
    "chat-4: prepare 3 of chat-1,chat-3,chat-4",
  ]);
});

t.test("several that are added start one after the other", async (t) => {
  const story = Story.running();
  t.same(story.order({ do: "scale", servers: 6 }), ["spawn chat-4", "balancer: order 1 taken up"]);
  t.same(story.servers.slice(3), [
    "chat-4 starting serving",
    "chat-5 waiting serving",
    "chat-6 waiting serving",
  ]);
  t.ok(story.ready(CHAT_4).includes("spawn chat-5"));
  t.same(story.exits(CHAT_5, "out of memory"), ["spawn chat-6"], "one that fails holds up no other");
  t.same(story.order({ do: "scale", servers: 8 }), ["balancer: order 2 taken up"]);
  t.same(story.order({ do: "scale", servers: 6 }), ["balancer: order 3 taken up"]);
  t.same(
    story.servers.slice(3),
    ["chat-4 running serving", "chat-5 resting serving", "chat-6 starting serving"],
    "who only waited is gone at once",
  );
});

t.test("a server that is added listens behind those that were there, or where it can", async (t) => {
  const story = Story.running(
    7441,
    EMBEDDED.map((plan) => (plan.id === "archive" ? { ...plan, port: 7446 } : plan)),
  );
  t.same(story.order({ do: "scale", servers: 5 }).slice(0, 1), ["spawn chat-4 on 7445"]);
  const error = { code: "portInUse", message: "Port 7445 is in use." } as const;
  t.same(story.from(CHAT_4, { type: "failed", error }), ["spawn chat-5"], "7446 is taken");
  t.same(story.exits(CHAT_4), [], "nothing stops for that");
  t.same(story.pass(100), ["spawn chat-4"], "on any free port");
  story.ready(CHAT_4);
  story.exits(CHAT_4);
  t.same(story.pass(200), ["spawn chat-4 on 9104"], "on the one it has had");
});

t.test(
  "a server that is added and never becomes ready is given up, and nothing else is disturbed",
  async (t) => {
    const story = Story.running();
    story.order({ do: "scale", servers: 4 });
    const did: string[] = [];
    for (let starts = 1; starts < 5; starts++) {
      did.push(...story.exits(CHAT_4, "out of memory"));
      did.push(...story.pass(10_000));
    }
    t.same(did, Array(4).fill("spawn chat-4"));
    t.same(story.exits(CHAT_4, "out of memory"), []);
    t.same(story.pass(100_000), []);
    t.same(story.servers.length, 3);
    t.equal(story.logged.at(-2), "error: a chat server that was added never became ready, and is given up");
    t.equal(story.state.stage.at, "running");
    t.same(
      story.order({ do: "scale", servers: 4 }),
      ["spawn chat-4", "balancer: order 2 taken up"],
      "it may be tried again",
    );
    t.equal(story.thread(CHAT_4).run, 6, "as a later run, so that nothing of an earlier one means it");
    t.match(story.fleets.at(-1)?.[3], { id: CHAT_4, restarts: 0 });
  },
);

t.test("one that hangs at its start is ended, and tried again", async (t) => {
  const story = Story.running();
  story.order({ do: "scale", servers: 4 });
  t.same(story.pass(timeouts.startMs), ["terminate chat-4"]);
  story.exits(CHAT_4);
  t.same(story.pass(100), ["spawn chat-4"]);
  story.ready(CHAT_4);
  t.equal(story.servers[3], "chat-4 running serving");
});

t.test("what was added and has run once is started again like any other", async (t) => {
  const story = Story.running();
  story.order({ do: "scale", servers: 4 });
  story.ready(CHAT_4);
  for (let deaths = 0; deaths < 10; deaths++) {
    story.exits(CHAT_4);
    story.pass(10_000);
  }
  t.equal(story.thread(CHAT_4).life.at, "starting");
});

t.test("of too many servers the drained leave first, then the highest numbers", async (t) => {
  const story = Story.running();
  story.order({ do: "drain", server: CHAT_1 });
  story.order({ do: "scale", servers: 2 });
  t.same(story.servers, ["chat-1 running retiring", "chat-2 running serving", "chat-3 running serving"]);
  story.order({ do: "scale", servers: 1 });
  t.same(story.servers, ["chat-1 running retiring", "chat-2 running serving", "chat-3 running retiring"]);
});

t.test("scaling up again keeps those that were to go, before any is started", async (t) => {
  const story = Story.running();
  story.order({ do: "scale", servers: 1 });
  t.same(story.order({ do: "scale", servers: 2 }), ["balancer: order 2 taken up"]);
  t.same(story.servers, ["chat-1 running serving", "chat-2 running serving", "chat-3 running retiring"]);
  t.same(story.order({ do: "resume", server: CHAT_3 }), ["balancer: order 3 taken up"]);
  t.same(story.pass(2 * timeouts.drainMs), [], "nobody leaves");
  t.same(story.order({ do: "scale", servers: 3 }), ["balancer: order 4 taken up"], "as many as there are");
  t.same(story.state.view.number, 1);
});

t.test("who is leaving cannot be drained or kept, and its number is not given away", async (t) => {
  const story = Story.running();
  story.order({ do: "scale", servers: 2 });
  t.same(story.order({ do: "drain", server: CHAT_3 }), ["balancer: order 2 conflict"]);
  story.empties(CHAT_3);
  t.same(story.order({ do: "resume", server: CHAT_3 }), ["balancer: order 3 conflict"]);
  t.same(story.order({ do: "scale", servers: 3 }), ["spawn chat-4", "balancer: order 4 taken up"]);
  t.same(story.servers, [
    "chat-1 running serving",
    "chat-2 running serving",
    "chat-3 running retiring",
    "chat-4 starting serving",
  ]);
});

t.test("there are never more than 64, those included that are leaving", async (t) => {
  const story = Story.running();
  story.order({ do: "scale", servers: 2 });
  story.empties(CHAT_3);
  t.same(story.order({ do: "scale", servers: 64 }), ["balancer: order 2 conflict"]);
  story.prepared(CHAT_1);
  story.prepared(CHAT_2);
  story.prepared(CHAT_3);
  story.exits(CHAT_3);
  t.same(story.order({ do: "scale", servers: 64 }), ["spawn chat-3", "balancer: order 3 taken up"]);
  t.same(
    story.servers.map((text) => text.split(" ")[0]),
    Array.from({ length: 64 }, (_, index) => `chat-${index + 1}`),
  );
});

t.test("a server that is to go and does not run is gone at once, or as soon as it has ended", async (t) => {
  const story = Story.running();
  story.order({ do: "scale", servers: 5 });
  t.same(story.exits(CHAT_4), ["spawn chat-5"]);
  t.same(story.order({ do: "scale", servers: 3 }), ["terminate chat-5", "balancer: order 2 taken up"]);
  t.same(story.servers.slice(3), ["chat-5 stopping retiring"]);
  t.same(story.order({ do: "resume", server: CHAT_5 }), ["balancer: order 3 conflict"]);
  t.same(story.ready(CHAT_5), [], "what it says now comes too late");
  t.same(story.exits(CHAT_5), []);
  t.equal(story.servers.length, 3);
  t.same(story.pass(10_000), []);
  t.same(story.state.view.members.map(({ id }) => id).join(), ALL);
});
