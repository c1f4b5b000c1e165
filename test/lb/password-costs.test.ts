import t from "tap";
import type { Stretching } from "../../src/protocol/http.js";
import { parseUserName } from "../../src/protocol/ids.js";
import { PasswordCosts, sameCost } from "../../src/lb/password-costs.js";
import { known } from "./loads.js";

const cost = (iterations: number): Stretching => ({
  algorithm: "argon2id",
  iterations,
  memoryKiB: 65536,
  parallelism: 4,
});
const names = Array.from({ length: 2000 }, (_, index) => known(parseUserName(`name-${index}`)));

t.test("where all accounts have one cost, an unknown name has it too", (t) => {
  for (const found of [[], [{ stretching: cost(3), accounts: 10 }]]) {
    const costs = new PasswordCosts(cost(3), "secret", found);
    t.ok(names.every((name) => sameCost(costs.ofUnknown(name), cost(3))));
  }
  t.end();
});

t.test(
  "costs are answered for unknown names as often as accounts have them, each name always the same",
  (t) => {
    const found = [
      { stretching: cost(1), accounts: 900 },
      { stretching: cost(3), accounts: 100 },
    ];
    const costs = new PasswordCosts(cost(3), "secret", found);
    const old = names.filter((name) => sameCost(costs.ofUnknown(name), cost(1)));
    t.ok(old.length > 1700 && old.length < 1900, `${old.length} of 2000 have the cost of nine in ten`);
    const restarted = new PasswordCosts(cost(3), "secret", [...found].reverse());
    t.ok(
      names.every((name) => sameCost(costs.ofUnknown(name), restarted.ofUnknown(name))),
      "also after a restart",
    );
    const elsewhere = new PasswordCosts(cost(3), "another secret", found);
    t.notOk(
      names.every((name) => sameCost(costs.ofUnknown(name), elsewhere.ofUnknown(name))),
      "who does not know the secret cannot tell which names",
    );
    t.end();
  },
);

t.test("as accounts of a new cost come, names move to it and none moves back", (t) => {
  const costs = new PasswordCosts(cost(3), "secret", [{ stretching: cost(1), accounts: 100 }]);
  const isNew = () => new Set(names.filter((name) => sameCost(costs.ofUnknown(name), cost(3))));
  const before = isNew();
  for (let i = 0; i < 50; i++) costs.registered();
  const after = isNew();
  t.ok(after.size > before.size);
  t.ok([...before].every((name) => after.has(name)));
  t.end();
});
