import t from "tap";
import { random } from "../../../src/lb/strategies/random.js";
import { accountId, load } from "../loads.js";

t.test("each server stands for an equal part of the draws", (t) => {
  const servers = [load("chat-1", { connections: 100 }), load("chat-2"), load("chat-3"), load("chat-4")];
  const chosen = Array.from({ length: 8 }, (_, index) =>
    random(servers, { account: accountId(), draws: [index / 8, 0], turn: 0 }),
  );
  t.same(
    chosen,
    servers.flatMap((server) => [server.id, server.id]),
  );
  t.end();
});
