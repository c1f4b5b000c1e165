import t from "tap";
import { roundRobin } from "../../../src/lb/strategies/round-robin.js";
import { accountId, load } from "../loads.js";

t.test("every server has its turn, whatever its load", (t) => {
  for (const count of [1, 3, 7, 49]) {
    const servers = Array.from({ length: count }, (_, index) =>
      load(`chat-${index}`, { connections: index * 100 }),
    );
    const chosen = Array.from({ length: 3 * count }, (_, turn) =>
      roundRobin(servers, { account: accountId(), draws: [0, 0], turn }),
    );
    t.same(
      chosen,
      [...servers, ...servers, ...servers].map((server) => server.id),
      `${count} servers`,
    );
  }
  t.end();
});
