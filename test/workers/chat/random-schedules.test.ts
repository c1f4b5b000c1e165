/** What is promised (PROTOCOL.md, "What is promised") holds under schedules that nobody thought of. */
import t from "tap";
import type { Sabotage } from "./random-cluster.js";
import { runSchedule } from "./random-people.js";

const SEEDS = 200;
const STEPS = 150;

t.test("nothing is lost, doubled, reordered or left behind, whatever the schedule", async (t) => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    t.same(await runSchedule(seed, STEPS), [], `seed ${seed}`);
  }
});

const sabotages: Sabotage[] = ["liesAboutCommits", "skipsPrepare"];
for (const sabotage of sabotages) {
  t.test(`servers that are broken are caught: ${sabotage}`, async (t) => {
    let caught = 0;
    for (let seed = 1; seed <= 300 && caught === 0; seed++) {
      if ((await runSchedule(seed, STEPS, sabotage)).length > 0) caught = seed;
    }
    t.ok(caught > 0, `seed ${caught}`);
  });
}
