/** When what operators ordered counts as done. */
import t from "tap";
import { leftOn } from "../../../src/operator/commands/drain.js";
import { leftToMove, MovedTally, resultOf } from "../../../src/operator/commands/rebalance.js";
import { notServing } from "../../../src/operator/commands/resume.js";
import { leftToDo } from "../../../src/operator/commands/scale.js";
import type { ServerStatus } from "../../../src/protocol/operator.js";
import { serverId } from "../../lb/loads.js";
import { statusOf } from "../statuses.js";

const CHAT_2 = serverId("chat-2");

t.test("a server is drained once nobody is there, nor on the way, or it is gone", (t) => {
  const left = (...[state, connections]: readonly [ServerStatus["state"], number]) =>
    leftOn(CHAT_2, statusOf(["serving", 5], [state, connections]));
  t.equal(left("draining", 1200), "chat-2: 1,200 sessions left");
  t.equal(left("retiring", 1), "chat-2: 1 session left");
  t.equal(left("draining", 0), null);
  t.equal(left("down", 0), null, "whoever was there is not any more");
  t.equal(leftOn(CHAT_2, statusOf(["serving", 5])), null);
  const coming = statusOf(["serving", 0], ["draining", 0]);
  const servers = coming.servers.map((server) => ({ ...server, placed: 2 }));
  t.equal(leftOn(CHAT_2, { ...coming, servers }), "chat-2: 2 sessions on the way there");
  t.throws(() => left("serving", 0), { code: "conflict" });
  t.end();
});

t.test("a server is resumed once it takes people", (t) => {
  const not = (state: ServerStatus["state"]) => notServing(CHAT_2, statusOf(["serving", 0], [state, 0]));
  t.equal(not("serving"), null);
  t.match(not("down"), /does not run/);
  t.match(not("starting"), /does not run/);
  t.throws(() => not("draining"), { code: "conflict" });
  t.throws(() => notServing(CHAT_2, statusOf(["serving", 0])), { code: "conflict" });
  t.end();
});

t.test("so many servers are there once they run and no other is left", (t) => {
  t.equal(leftToDo(2, statusOf(["serving", 1], ["draining", 0])), null);
  t.equal(
    leftToDo(2, statusOf(["serving", 1], ["starting", 0], ["retiring", 7])),
    "chat-2 is starting, chat-3 has 7 sessions left",
  );
  const coming = statusOf(["serving", 1], ["retiring", 7]);
  const servers = coming.servers.map((server) => ({ ...server, placed: 1 }));
  t.equal(leftToDo(1, { ...coming, servers }), "chat-2 has 7 sessions left, 1 session on the way there");
  t.throws(() => leftToDo(3, statusOf(["serving", 1], ["serving", 1], ["retiring", 1])), {
    code: "unavailable",
    message: /There are 2 chat servers only/,
  });
  t.throws(() => leftToDo(1, statusOf(["serving", 1], ["serving", 1])), { code: "conflict" });
  t.end();
});

t.test("the load is rebalanced once nothing is under way for it any more, even or not", (t) => {
  const at = (underWay: boolean, left: number) => ({ underWay, moving: 3, moved: 1_250, left });
  t.equal(leftToMove(at(true, 20)), "20 sessions to move, 3 on their way");
  t.equal(leftToMove(at(true, 0)), "0 sessions to move, 3 on their way");
  t.equal(leftToMove(at(false, 0)), null);
  t.equal(leftToMove(at(false, 4)), null);
  t.equal(resultOf(at(false, 0)), "the load is even; 1,250 sessions moved");
  t.match(resultOf(at(false, 1)), /as even as it can be at present, with 1 session that cannot move/);
  t.end();
});

t.test("who moved before the balancer was started again has moved", (t) => {
  const tally = new MovedTally();
  for (const moved of [0, 30, 80, 80, 0, 25]) tally.note(moved);
  t.equal(tally.moved, 105);
  t.end();
});
