import { join } from "node:path";
import { writeFileSync } from "node:fs";
import t from "tap";
import { chooseStrategy, STRATEGIES } from "../../src/lb/strategy-choice.js";
import { accountId, load } from "./loads.js";

t.test("the strategies have the names that the field uses", async (t) => {
  t.same(Object.keys(STRATEGIES), [
    "least-busy",
    "least-connections",
    "power-of-two-choices",
    "round-robin",
    "random",
    "bounded-consistent-hash",
  ]);
  t.equal(await chooseStrategy("round-robin"), STRATEGIES["round-robin"]);
});

t.test("a module of one's own is a strategy", async (t) => {
  const folder = t.testdir({
    "last.mjs": "export const strategy = (servers) => servers.at(-1).id;",
    "first.mjs": "export default (servers) => servers[0].id;",
  });
  const servers = [load("chat-1"), load("chat-2")];
  const request = { account: accountId(), draws: [0, 0], turn: 0 } as const;
  t.equal((await chooseStrategy(join(folder, "last.mjs")))(servers, request), "chat-2");
  t.equal((await chooseStrategy(join(folder, "first.mjs")))(servers, request), "chat-1");
});

t.test("what is no strategy is refused with the names that are", async (t) => {
  const folder = t.testdir();
  const module = join(folder, "other.mjs");
  writeFileSync(module, "export const other = 1;");
  await t.rejects(chooseStrategy("best"), {
    code: "badConfig",
    message: /"best".*least-busy, least-connections/,
  });
  await t.rejects(chooseStrategy("constructor"), { code: "badConfig" });
  await t.rejects(chooseStrategy(join(folder, "missing.mjs")), {
    code: "badConfig",
    message: /cannot be loaded/,
  });
  await t.rejects(chooseStrategy(module), { code: "badConfig", message: /must export a function/ });
});
