/** Stories of the supervisor (PROTOCOL.md, "Views and homes"), in virtual time and without a thread. */
import t from "tap";
import type { Incarnation } from "../../src/protocol/ids.js";
import { CHAT_1, CHAT_2, CHAT_3, Story, timeouts } from "./story.js";

t.test("everything starts in its order, is linked, shares the accounts and is announced", async (t) => {
  const story = new Story();
  t.same(story.on({ type: "begin" }), ["spawn database-service", "spawn database-archive"]);
  t.same(story.ready("database-archive"), []);
  t.same(story.ready("database-service"), ["migrate"]);
  t.same(story.on({ type: "migrated" }), [
    "spawn chat-1",
    "spawn chat-2",
    "spawn chat-3",
    "spawn balancer on 7440",
    "spawn archive",
  ]);
  t.same(story.ready(CHAT_2), []);
  t.same(story.ready("balancer"), ["introduce chat-2 chat-2.1 to balancer"]);
  t.same(story.ready("archive"), ["balancer: archive on 9004"]);
  t.same(story.ready(CHAT_1), ["mesh chat-1 chat-2", "introduce chat-1 chat-1.1 to balancer"]);
  t.same(story.ready(CHAT_3), [
    "mesh chat-3 chat-1",
    "mesh chat-3 chat-2",
    "introduce chat-3 chat-3.1 to balancer",
    "chat-1: prepare 1 of chat-1,chat-2,chat-3",
    "chat-2: prepare 1 of chat-1,chat-2,chat-3",
    "chat-3: prepare 1 of chat-1,chat-2,chat-3",
  ]);
  t.same(story.prepared(CHAT_3), []);
  t.same(story.prepared(CHAT_1), []);
  t.same(story.prepared(CHAT_2), [
    "chat-1: activate 1 of chat-1,chat-2,chat-3",
    "chat-2: activate 1 of chat-1,chat-2,chat-3",
    "chat-3: activate 1 of chat-1,chat-2,chat-3",
    "announce 7440",
  ]);
});

t.test("with PostgreSQL servers there is no database to start", async (t) => {
  const story = new Story([
    { kind: "chat", id: CHAT_1, port: 7442 },
    { kind: "balancer", id: "balancer", port: 7440 },
    { kind: "archive", id: "archive", port: 7441 },
  ]);
  t.same(story.on({ type: "begin" }), ["migrate"]);
  t.same(story.on({ type: "migrated" }), [
    "spawn chat-1 on 7442",
    "spawn balancer on 7440",
    "spawn archive on 7441",
  ]);
});

t.test("a thread that dies before it was ever ready stops the system, with its reason", async (t) => {
  const story = new Story();
  story.on({ type: "begin" });
  story.ready("database-service");
  story.ready("database-archive");
  story.on({ type: "migrated" });
  story.ready(CHAT_1);
  const error = { code: "portInUse", message: "Port 7440 on 127.0.0.1 is in use." } as const;
  t.same(story.from("balancer", { type: "failed", error }), []);
  t.same(story.exits("balancer"), ["chat-1: stop", "terminate chat-2", "terminate chat-3"]);
  t.same(story.exits(CHAT_2), []);
  t.same(story.exits(CHAT_1), []);
  t.same(story.exits(CHAT_3), ["terminate archive"], "what does not serve yet has nothing to finish");
  t.same(story.exits("archive"), ["database-service: stop", "database-archive: stop"]);
  t.same(story.exits("database-archive"), []);
  t.same(story.exits("database-service"), ["finish portInUse: Port 7440 on 127.0.0.1 is in use."]);
  t.equal(story.state.wakeAt, Infinity);
});

t.test("the first reason counts when several threads cannot start", async (t) => {
  const story = new Story();
  story.on({ type: "begin" });
  t.same(story.exits("database-archive", "first"), ["database-service: stop"]);
  t.same(story.exits("database-service", "second"), [
    'finish internal: The thread "database-archive" ended before it was ready: first',
  ]);
});

t.test("a thread that is not ready in time at first start stops the system", async (t) => {
  const story = new Story();
  story.on({ type: "begin" });
  story.ready("database-service");
  t.same(story.pass(29_999), []);
  t.same(story.pass(1), ["terminate database-archive", "database-service: stop"]);
  t.same(story.exits("database-archive"), []);
  t.same(story.exits("database-service"), [
    'finish timeout: The thread "database-archive" hangs: it was not ready in time.',
  ]);
});

t.test("a thread that says why it cannot go on, and then does not end, is ended", async (t) => {
  const story = new Story();
  story.on({ type: "begin" });
  const error = { code: "diskFull", message: "Full." } as const;
  t.same(story.from("database-service", { type: "failed", error }), ["database-archive: stop"]);
  t.same(story.pass(500), ["terminate database-service"]);
  t.same(story.exits("database-service"), []);
  story.exits("database-archive");
  t.equal(story.state.stage.at, "finished");
});

t.test("a thread that failed while it ran counts as dead from then on", async (t) => {
  const story = Story.running();
  const error = { code: "internal", message: "A defect." } as const;
  t.same(story.from(CHAT_1, { type: "failed", error }), [
    "chat-2: unlink chat-1 chat-1.1",
    "chat-3: unlink chat-1 chat-1.1",
    "balancer: serverGone chat-1 chat-1.1",
    "chat-2: prepare 2 of chat-2,chat-3",
    "chat-3: prepare 2 of chat-2,chat-3",
  ]);
  t.same(story.from(CHAT_1, { type: "failed", error }), []);
  t.same(story.exits(CHAT_1), []);
  t.same(story.pass(100), ["spawn chat-1 on 9000"]);
});

t.test("a migration that fails stops the system, with its reason", async (t) => {
  const story = new Story();
  story.on({ type: "begin" });
  story.ready("database-service");
  story.ready("database-archive");
  const error = { code: "dataNewer", message: "Newer." } as const;
  t.same(story.on({ type: "giveUp", now: 0, error }), ["database-service: stop", "database-archive: stop"]);
  t.same(story.on({ type: "migrated" }), [], "what comes too late starts nothing");
  story.exits("database-service");
  t.same(story.exits("database-archive"), ["finish dataNewer: Newer."]);
});

t.test("a chat server that dies is forgotten at once, rests, and is taken in again", async (t) => {
  const story = Story.running();
  t.same(story.exits(CHAT_2, "out of memory"), [
    "chat-1: unlink chat-2 chat-2.1",
    "chat-3: unlink chat-2 chat-2.1",
    "balancer: serverGone chat-2 chat-2.1",
    "chat-1: prepare 2 of chat-1,chat-3",
    "chat-3: prepare 2 of chat-1,chat-3",
  ]);
  story.prepared(CHAT_1);
  t.same(story.prepared(CHAT_3), [
    "chat-1: activate 2 of chat-1,chat-3",
    "chat-3: activate 2 of chat-1,chat-3",
  ]);
  t.same(story.pass(99), []);
  t.same(story.pass(1), ["spawn chat-2 on 9001"], "on the port it had");
  t.same(story.ready(CHAT_2), [
    "mesh chat-2 chat-1",
    "mesh chat-2 chat-3",
    "introduce chat-2 chat-2.2 to balancer",
    "chat-1: prepare 3 of chat-1,chat-2,chat-3",
    "chat-2: prepare 3 of chat-1,chat-2,chat-3",
    "chat-3: prepare 3 of chat-1,chat-2,chat-3",
  ]);
});

t.test(
  "a thread that keeps dying rests longer each time, and after a stable time begins afresh",
  async (t) => {
    const story = Story.running();
    const rests: number[] = [];
    const rest = () => {
      const { life } = story.thread("archive");
      if (life.at !== "resting") throw new Error(life.at);
      rests.push(life.until - story.now);
      story.pass(life.until - story.now);
    };
    story.pass(20_000);
    story.exits("archive");
    rest();
    for (let i = 0; i < 8; i++) {
      story.exits("archive", "again");
      rest();
    }
    t.same(rests, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    story.ready("archive");
    story.pass(9999);
    story.exits("archive");
    rest();
    story.ready("archive");
    story.pass(10_000);
    story.exits("archive");
    rest();
    t.same(rests.slice(-2), [10_000, 100]);
  },
);

t.test(
  "a thread that hangs is ended, counts as dead at once, and starts again once it has ended",
  async (t) => {
    const story = Story.running();
    t.same(story.pass(5999, [CHAT_1]), []);
    const did = story.pass(1, [CHAT_1]);
    t.same(did, [
      "terminate chat-1",
      "chat-2: unlink chat-1 chat-1.1",
      "chat-3: unlink chat-1 chat-1.1",
      "balancer: serverGone chat-1 chat-1.1",
      "chat-2: prepare 2 of chat-2,chat-3",
      "chat-3: prepare 2 of chat-2,chat-3",
    ]);
    story.prepared(CHAT_2);
    story.prepared(CHAT_3);
    t.same(story.pass(1000), [], "its port is still taken");
    t.same(story.from(CHAT_1, { type: "pong" }), [], "what it says now comes too late");
    story.exits(CHAT_1);
    t.same(
      story.pass(200).filter((text) => text.startsWith("spawn")),
      ["spawn chat-1 on 9000"],
    );
  },
);

t.test("a supervisor that was itself late takes nobody for dead", async (t) => {
  const story = Story.running();
  story.exits(CHAT_3);
  t.equal(story.state.preparing?.waiting.length, 2);
  // Suspended for an hour: no heartbeat was answered, no server prepared, all deadlines have passed.
  story.now += 3_600_000;
  const did = story.on({ type: "wake" });
  t.notOk(did.some((text) => text.startsWith("terminate")));
  t.ok(did.includes("spawn chat-3 on 9002"), "what rested long enough starts");
  t.equal(story.state.preparing?.by, story.now + 2000, "the view has its time again");
  story.prepared(CHAT_1);
  t.same(story.prepared(CHAT_2), [
    "chat-1: activate 2 of chat-1,chat-2",
    "chat-2: activate 2 of chat-1,chat-2",
  ]);
  t.ok(story.pass(4000, [CHAT_1]).every((text) => !text.startsWith("terminate")));
  t.ok(story.pass(3000, [CHAT_1]).includes("terminate chat-1"), "who then stays silent is dead");
});

t.test(
  "a change while a view is prepared begins the next one; answers to the old one mean nothing",
  async (t) => {
    const story = Story.running();
    story.exits(CHAT_3);
    story.prepared(CHAT_1, 2);
    t.same(story.exits(CHAT_2), [
      "chat-1: unlink chat-2 chat-2.1",
      "balancer: serverGone chat-2 chat-2.1",
      "chat-1: prepare 3 of chat-1",
    ]);
    t.same(story.prepared(CHAT_1, 2), []);
    t.same(story.prepared(CHAT_1, 3), ["chat-1: activate 3 of chat-1"]);
  },
);

t.test("a server that does not hand over in time is ended and left out", async (t) => {
  const story = Story.running();
  story.exits(CHAT_3);
  story.prepared(CHAT_1);
  const did = story.pass(2000).filter((text) => !text.includes("chat-3"));
  t.same(did, [
    "terminate chat-2",
    "chat-1: unlink chat-2 chat-2.1",
    "balancer: serverGone chat-2 chat-2.1",
    "chat-1: prepare 3 of chat-1",
  ]);
});

t.test(
  "when the last server dies the view is empty, and the first that returns has a view of its own",
  async (t) => {
    const story = Story.running();
    story.exits(CHAT_1);
    story.exits(CHAT_2);
    t.same(story.exits(CHAT_3), ["balancer: serverGone chat-3 chat-3.1"]);
    t.same(story.state.view, { number: 4, members: [] });
    t.equal(story.state.preparing, null);
    story.pass(100);
    t.same(story.ready(CHAT_2), ["introduce chat-2 chat-2.2 to balancer", "chat-2: prepare 5 of chat-2"]);
  },
);

t.test("a server that dies before the first view is not waited for", async (t) => {
  const story = new Story();
  story.on({ type: "begin" });
  story.ready("database-service");
  story.ready("database-archive");
  story.on({ type: "migrated" });
  story.ready("balancer");
  story.ready("archive");
  story.ready(CHAT_1);
  story.ready(CHAT_2);
  t.same(story.exits(CHAT_1), ["chat-2: unlink chat-1 chat-1.1", "balancer: serverGone chat-1 chat-1.1"]);
  t.same(story.ready(CHAT_3).slice(-2), [
    "chat-2: prepare 1 of chat-2,chat-3",
    "chat-3: prepare 1 of chat-2,chat-3",
  ]);
  story.prepared(CHAT_2);
  t.notOk(
    story.prepared(CHAT_3).some((text) => text.startsWith("announce")),
    "not everything runs yet",
  );
  story.pass(100);
  story.ready(CHAT_1);
  story.prepared(CHAT_1);
  story.prepared(CHAT_2);
  t.ok(story.prepared(CHAT_3).includes("announce 7440"));
});

t.test("a balancer that returns is given channels to all servers, and the archive's address", async (t) => {
  const story = Story.running();
  t.same(story.exits("balancer"), [], "nobody else is disturbed");
  t.same(story.pass(100), ["spawn balancer on 7440"]);
  t.same(story.ready("balancer"), [
    "introduce chat-1 chat-1.1 to balancer",
    "introduce chat-2 chat-2.1 to balancer",
    "introduce chat-3 chat-3.1 to balancer",
    "balancer: archive on 9004",
  ]);
});

t.test("an archive that returns listens where it did, and the balancer is told", async (t) => {
  const story = Story.running();
  t.same(story.exits("archive"), []);
  t.same(story.pass(100), ["spawn archive on 9004"]);
  t.same(story.ready("archive"), ["balancer: archive on 9004"]);
});

t.test(
  "a thread whose free port was taken meanwhile takes another; the balancer waits for its own",
  async (t) => {
    const story = Story.running();
    const error = { code: "portInUse", message: "Port 9004 is in use." } as const;
    story.exits("archive");
    story.pass(100);
    story.from("archive", { type: "failed", error });
    story.exits("archive");
    t.same(story.pass(200), ["spawn archive"]);

    story.exits("balancer");
    story.pass(100);
    story.from("balancer", { type: "failed", error });
    story.exits("balancer");
    t.same(story.pass(200), ["spawn balancer on 7440"]);
  },
);

t.test("a database that dies is started again, and nothing is migrated twice", async (t) => {
  const story = Story.running();
  t.same(story.exits("database-service"), []);
  t.same(story.pass(100), ["spawn database-service"]);
  t.same(story.ready("database-service"), []);
});

t.test("what an earlier run of a thread says means nothing", async (t) => {
  const story = Story.running();
  story.exits(CHAT_1);
  story.pass(100);
  const incarnation = "old" as Incarnation;
  t.same(story.from(CHAT_1, { type: "ready", listening: null, incarnation }, 1), []);
  t.same(story.from(CHAT_1, { type: "exited", reason: null }, 1), []);
  t.equal(story.thread(CHAT_1).life.at, "starting");
});

t.test("stopping goes from those who take work to those who keep it", async (t) => {
  const story = Story.running();
  t.same(story.on({ type: "stop" }), ["balancer: stop"]);
  t.same(story.on({ type: "stop" }), [], "asking twice changes nothing");
  t.same(story.exits("balancer"), ["chat-1: stop", "chat-2: stop", "chat-3: stop"]);
  t.same(story.exits(CHAT_1), []);
  t.same(story.exits(CHAT_3), []);
  t.same(story.exits(CHAT_2), ["archive: stop"]);
  t.same(story.exits("archive"), ["database-service: stop", "database-archive: stop"]);
  t.same(story.exits("database-service"), []);
  t.same(story.exits("database-archive"), ["finish as asked"]);
  t.equal(story.state.wakeAt, Infinity);
});

t.test("who does not stop in time is ended, and the rest still has time of its own", async (t) => {
  const story = Story.running();
  story.on({ type: "stop" });
  t.same(story.pass(800), ["terminate balancer", "chat-1: stop", "chat-2: stop", "chat-3: stop"]);
  story.exits(CHAT_1);
  t.same(story.pass(1599), []);
  t.same(story.pass(1), ["terminate chat-2", "terminate chat-3", "archive: stop"]);
  story.exits("archive");
  t.same(story.pass(1600), ["terminate database-service", "terminate database-archive", "finish as asked"]);
});

t.test("a stop while threads rest, start and die waits for the living, and starts nothing", async (t) => {
  const story = Story.running();
  story.exits("archive");
  story.exits(CHAT_1);
  story.prepared(CHAT_2);
  story.prepared(CHAT_3);
  while (story.thread(CHAT_2).life.at === "running") story.pass(1000, [CHAT_2]);
  t.equal(story.thread(CHAT_2).life.at, "dying");
  t.equal(story.thread(CHAT_1).life.at, "starting");
  t.same(story.on({ type: "stop" }), ["balancer: stop"]);
  t.same(story.exits("balancer"), ["terminate chat-1", "chat-3: stop"]);
  story.exits(CHAT_1);
  story.exits(CHAT_3);
  t.same(story.exits(CHAT_2), ["terminate archive"]);
  story.exits("archive");
  story.exits("database-archive");
  t.same(story.exits("database-service"), ["finish as asked"]);
});

t.test("a stop before anything runs ends at once what was begun", async (t) => {
  const story = new Story();
  story.on({ type: "begin" });
  t.same(story.on({ type: "stop" }), ["database-service: stop", "database-archive: stop"]);
  story.exits("database-service");
  t.same(story.exits("database-archive"), ["finish as asked"]);
});

t.test("a step leaves the state that it was given as it was", async (t) => {
  const story = Story.running();
  const before = story.state;
  const copy = structuredClone(before);
  story.exits(CHAT_1);
  story.on({ type: "stop" });
  t.same(before, copy);
});

/** Seconds in which the database says nothing, and what its count of statements is in each. */
function compute(story: Story, counts: readonly number[]): string[] {
  return counts.flatMap((statements) => [
    ...story.from("database-service", { type: "counted", statements }),
    ...story.pass(1000, ["database-service"]),
  ]);
}

const seconds = (count: number, at: (second: number) => number): number[] =>
  Array.from({ length: count }, (_, second) => at(second));

t.test("a database that computes for long is not hung", (t) => {
  const story = Story.running();
  t.same(
    compute(
      story,
      seconds(60, () => 17),
    ),
    [],
    "one long statement",
  );
  t.same(
    compute(
      story,
      seconds(300, (second) => 17 + 2 * second),
    ),
    [],
    "long ones without a pause",
  );
  t.same(
    compute(
      story,
      seconds(300, (second) => 700 + second),
    ),
    [],
    "whenever they are looked at",
  );
  t.end();
});

t.test("a database that does not answer, and does not compute either, is hung", (t) => {
  const story = Story.running();
  t.same(
    compute(
      story,
      seconds(4, () => 16),
    ),
    [],
  );
  t.same(
    compute(
      story,
      seconds(5, () => 16),
    ),
    ["terminate database-service"],
  );
  t.match(story.thread("database-service").failure, { message: "its event loop hung" });
  t.end();
});

t.test("a statement that takes far too long is an end to its database", (t) => {
  const story = Story.running();
  const all = compute(
    story,
    seconds((timeouts.statementMs + timeouts.hungMs) / 1000 + 2, () => 17),
  );
  t.same(all, ["terminate database-service"]);
  t.match(story.thread("database-service").failure, { message: "one statement took too long" });
  t.end();
});

t.test("time in which the supervisor slept is not held against a statement", (t) => {
  const story = Story.running();
  compute(
    story,
    seconds(5, () => 17),
  );
  story.now += 10 * timeouts.statementMs;
  t.same(
    compute(
      story,
      seconds(60, () => 17),
    ),
    [],
  );
  t.end();
});

t.test("a thread that cannot start for a while is told of once, and once when it is back", (t) => {
  const story = Story.running();
  const full = { code: "diskFull", message: "There is no space left." } as const;
  for (let times = 0; times < 4; times++) {
    story.from("database-service", { type: "failed", error: full });
    story.exits("database-service");
    story.pass(timeouts.restartMaxMs);
  }
  story.ready("database-service");
  t.same(story.logged, [
    "error: a thread died and will be started again",
    ...Array<string>(3).fill("debug: a thread died and will be started again"),
    "info: a thread that died is back",
  ]);
  t.end();
});

const STAYS = "error: a thread does not end, and so is not started again: restart the process";

t.test("a thread that was ended and does not end is told of once", (t) => {
  const story = Story.running();
  story.pass(timeouts.hungMs + 2 * timeouts.heartbeatMs, ["balancer"]);
  t.equal(story.thread("balancer").life.at, "dying");
  story.pass(timeouts.hungMs - 2 * timeouts.heartbeatMs);
  t.same(story.logged, []);
  t.same(story.pass(10 * timeouts.hungMs), []);
  t.same(story.logged, [STAYS]);
  story.exits("balancer");
  t.same(story.pass(timeouts.restartMaxMs), ["spawn balancer on 7440"], "unless it ends after all");
  t.end();
});

t.test("one that was to end by itself is ended first, and then told of", (t) => {
  const story = Story.running();
  story.from("archive", { type: "failed", error: { code: "internal", message: "A defect." } });
  t.same(story.pass(timeouts.hungMs), ["terminate archive"]);
  t.same(story.logged, []);
  story.pass(timeouts.hungMs);
  t.same(story.logged, [STAYS]);
  t.end();
});

t.test("time in which the supervisor slept is not held against a thread that is to end", (t) => {
  const story = Story.running();
  story.pass(timeouts.hungMs + 2 * timeouts.heartbeatMs, ["balancer"]);
  story.now += 10 * timeouts.hungMs;
  story.on({ type: "wake" });
  t.same(story.logged, ["warn: the supervisor itself was late"]);
  t.end();
});

t.test("while the system stops, nobody is told to restart it for a thread that does not end", (t) => {
  const story = Story.running();
  story.pass(timeouts.hungMs + 2 * timeouts.heartbeatMs, ["database-service"]);
  story.pass(timeouts.hungMs - 2 * timeouts.heartbeatMs);
  story.on({ type: "stop" });
  story.pass(timeouts.stopMs);
  t.notOk(story.logged.includes(STAYS));
  t.equal(story.state.stage.at, "finished");
  t.end();
});

t.test("what a thread goes on without is known until it says otherwise or dies", (t) => {
  const story = Story.running();
  story.from(CHAT_1, { type: "trouble", trouble: "diskFull" });
  t.equal(story.thread(CHAT_1).trouble, "diskFull");
  story.from(CHAT_1, { type: "trouble", trouble: null });
  t.equal(story.thread(CHAT_1).trouble, null);
  story.from(CHAT_1, { type: "trouble", trouble: "databaseUnreachable" });
  story.exits(CHAT_1);
  story.pass(200);
  t.equal(story.thread(CHAT_1).trouble, null, "the next run knows nothing of it");
  t.end();
});
