import fc from "fast-check";
import t from "tap";
import { leastConnections } from "../../../src/lb/strategies/least-connections.js";
import { load, maxMinusMean, placeAll, requests } from "../loads.js";

t.test("with fresh counts no server has one connection more than the average", (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(requests, { maxLength: 200 }),
      (count, requested) => {
        const servers = Array.from({ length: count }, (_, index) => load(`chat-${index + 1}`));
        return maxMinusMean(placeAll(leastConnections, servers, requested)) <= 1;
      },
    ),
  );
  t.pass("for any number of servers and placements");
  t.end();
});

t.test("placements on their way count like connections", (t) => {
  const servers = [load("chat-1", { connections: 2 }), load("chat-2", { placed: 3 })];
  t.equal(leastConnections(servers, { account: "" as never, draws: [0.9, 0.9], turn: 0 }), "chat-1");
  t.end();
});

t.test("among equals chance decides", (t) => {
  const servers = [load("chat-1"), load("chat-2"), load("chat-3", { connections: 1 })];
  const request = { account: "" as never, turn: 0 };
  t.equal(leastConnections(servers, { ...request, draws: [0.2, 0] }), "chat-1");
  t.equal(leastConnections(servers, { ...request, draws: [0.7, 0] }), "chat-2");
  t.end();
});
