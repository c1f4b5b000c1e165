import fc from "fast-check";
import t from "tap";
import { powerOfTwoChoices } from "../../../src/lb/strategies/power-of-two-choices.js";
import { accountId, load, requests, someServers } from "../loads.js";

const request = (first: number, second: number) => ({
  account: accountId(),
  draws: [first, second] as const,
  turn: 0,
});

t.test("of the two drawn, the one with fewer connections is chosen", (t) => {
  const servers = [load("chat-1", { connections: 5 }), load("chat-2", { connections: 1 }), load("chat-3")];
  t.equal(powerOfTwoChoices(servers, request(0.1, 0.1)), "chat-2", "1 and 2 are drawn: 3 is not compared");
  t.equal(powerOfTwoChoices(servers, request(0.1, 0.9)), "chat-3", "1 and 3 are drawn");
  t.end();
});

t.test("the fullest of several servers is never chosen", (t) => {
  fc.assert(
    fc.property(someServers, requests, (servers, drawn) => {
      const fullest = load("chat-9", { connections: 20_000 });
      return powerOfTwoChoices([...servers, fullest], drawn) !== fullest.id;
    }),
  );
  t.pass("it loses against any other");
  t.end();
});
