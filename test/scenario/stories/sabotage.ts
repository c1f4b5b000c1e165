/** The history checker finds what is broken on purpose: by seams of the simulated world, with the code as it is. */
import t from "tap";
import { primitives } from "../../../bench/simulation/primitives.js";
import { runSchedule } from "../../../bench/simulation/run.js";
import { drawSchedule, type Schedule } from "../../../bench/simulation/schedule.js";
import { shrink } from "../../../bench/simulation/shrink.js";
import { labelled } from "../../../src/crypto/fields.js";
import { LABELS } from "../../../src/crypto/labels.js";
import { equalBytes } from "../../../src/protocol/bytes.js";
import type { DeliveryStore } from "../../../src/store/deliveries.js";
import { whileTheOldHomeDoesNotHear } from "./server-joins.js";
import { SHORTLY_DEAD, Stage } from "./stage.js";

const CLEAN = { lost: 0, duplicated: 0, reordered: 0, invented: 0 };

/** Acknowledges before the commit. */
function hastyStore(real: DeliveryStore): DeliveryStore {
  return {
    ...real,
    write(batch) {
      real.write(batch).catch(() => undefined);
      return Promise.resolve({ repeated: false });
    },
  };
}

t.test("the checker finds what a server loses that acknowledges before the commit", async (t) => {
  const store = hastyStore;
  const { stage, world, alice, bob } = await Stage.ofTwo(t, { embedded: true, sabotage: { store } });
  await stage.away(bob);
  world.service.gates.commit.hold();
  stage.say(alice, bob, "one", "two");
  await stage.untilTold(alice, 2, 1_000);
  world.crash();
  world.start();
  const { counts } = await stage.judge();
  t.match(counts, { ...CLEAN, lost: 2 });
});

t.test("seeds find it, too, and a schedule that does is made shorter", async (t) => {
  const size = { people: 4, messages: 30, faults: 5 };
  const fails = async (schedule: Schedule): Promise<boolean> => {
    const { counts } = await runSchedule(schedule, { store: hastyStore });
    return counts.lost > 0;
  };
  let seed = 1;
  while (!(await fails(drawSchedule(seed, size)))) t.ok(++seed <= 60, `seed ${seed - 1} finds nothing`);
  const whole = drawSchedule(seed, size);
  const actions = await shrink(whole.actions, (some) => fails({ ...whole, actions: some }), { most: 120 });
  t.ok(await fails({ ...whole, actions }));
  t.ok(actions.length <= 8, `${actions.length} of ${whole.actions.length} actions are left of seed ${seed}`);
  t.same(
    (await runSchedule({ ...whole, actions })).violations,
    [],
    "with the store as it is nothing is wrong",
  );
});

t.test("the checker finds what comes out of order where a server does not prepare a view", async (t) => {
  const stage = await Stage.set(t, {
    ...SHORTLY_DEAD,
    sabotage: {
      heard(message, answer) {
        if (message.type !== "prepare") return message;
        answer(message.view.number);
        return null;
      },
    },
  });
  const { bob, alice, hears } = await whileTheOldHomeDoesNotHear(stage);
  t.same(stage.told(alice), ["one"], "the old home took it");
  hears();
  await stage.untilShown(bob, 1, 1_000);
  const { counts } = await stage.judge();
  t.match(counts, { ...CLEAN, reordered: 1 });
});

t.test("the checker finds what stands twice where a client skips its archive's `had`", async (t) => {
  // What it appends once more it gives another name, so that the archive never says that it had it.
  const hmacSha256 = primitives.hmacSha256.bind(primitives);
  const entryLabel = labelled(LABELS.entryTag);
  primitives.hmacSha256 = (key, data) => {
    const isEntryTag = equalBytes(data.subarray(0, entryLabel.length), entryLabel);
    return isEntryTag ? Promise.resolve(primitives.randomBytes(32)) : hmacSha256(key, data);
  };
  t.teardown(() => {
    primitives.hmacSha256 = hmacSha256;
  });
  const { stage, world, alice, bob } = await Stage.ofTwo(t);
  const { answer } = world.archiveDatabase.gates;
  answer.hold();
  stage.say(alice, bob, "one");
  await stage.untilShown(bob, 1, 1_000);
  await world.settle();
  bob.kill();
  answer.release();
  bob.revive();
  const { counts } = await stage.judge();
  // In the archive, and in what the device shows of it.
  t.match(counts, { ...CLEAN, duplicated: 2 });
});

t.test("the checker finds the one message in a thousand that a server drops", async (t) => {
  let taken = 0;
  const store = (real: DeliveryStore): DeliveryStore => ({
    ...real,
    write: ({ deliveries, ...batch }) =>
      real.write({ ...batch, deliveries: deliveries.filter(() => ++taken % 1000 !== 0) }),
  });
  const { stage, alice, bob } = await Stage.ofTwo(t, { sabotage: { store } });
  await stage.away(bob);
  const texts = Array.from({ length: 1000 }, (_, i) => `text ${i + 1}`);
  stage.say(alice, bob, ...texts);
  await stage.world.until(() => alice.open.size === 0);
  t.equal(stage.told(alice).length, 1000);
  const { counts, violations } = await stage.judge();
  t.match(counts, { ...CLEAN, lost: 1, accepted: 1002 });
  t.match(violations[0], /lost: text 1000 was accepted and is not in the archive of bob/);
});
