import t from "tap";
import { WarmUp } from "../../src/lb/warm-up.js";
import { serverId } from "./loads.js";

t.test("a newcomer's share grows from a tenth to all of it", async (t) => {
  const warmUp = new WarmUp(10_000);
  const id = serverId("chat-1");
  t.equal(warmUp.warmth(id, 0), 1, "one that nobody calls a newcomer");
  warmUp.begin(id, 1_000);
  t.equal(warmUp.warmth(id, 1_000), 0.1);
  t.equal(warmUp.warmth(id, 6_000), 0.5);
  t.equal(warmUp.warmth(id, 11_000), 1);
  t.equal(warmUp.warmth(id, 2_000), 1, "and it is over then");
  warmUp.begin(id, 20_000);
  warmUp.end(id);
  t.equal(warmUp.warmth(id, 20_000), 1);
});
