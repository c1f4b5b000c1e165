/** PROTOCOL.md, "Views and homes": a mailbox gets another home, with messages on their way through it. */
import t from "tap";
import { LONG_DEAD, SHORTLY_DEAD, Stage } from "./stage.js";
import { beforeAServerJoins, whileTheOldHomeDoesNotHear } from "./server-joins.js";

t.test("the home dies with messages held live: the sender's server sends them to the next", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(
    t,
    LONG_DEAD,
    (hers, his) => his.home !== his.server && his.home !== hers.server,
  );
  const { commit } = world.archiveDatabase.gates;
  const connections = [alice, bob].map(({ name }) => world.connections(name, "chat")[0]);
  commit.hold();
  stage.say(alice, bob, "one", "two");
  await stage.untilShown(bob, 2, 5_000);
  t.same(stage.told(alice), [], "held in the memory of the home");
  stage.kill(stage.place(bob).home);
  stage.say(alice, bob, "three");
  await stage.untilShown(bob, 3, 5_000);
  commit.release();
  await stage.untilTold(alice, 3, 5_000);
  t.same(
    [alice, bob].map(({ name }) => world.connections(name, "chat")[0]),
    connections,
    "neither of them was cut off",
  );
  t.same(stage.shown(bob), ["one", "two", "three"]);
  const history = await stage.end();
  t.same(history(bob), ["alice: one", "alice: two", "alice: three"]);
});

t.test("the home dies with a batch at the database: the next one writes what is not there", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(
    t,
    LONG_DEAD,
    (hers, his) => his.home !== hers.server,
  );
  const { service } = world;
  service.abortedByDeath = 1;
  await stage.away(bob);
  service.gates.commit.hold();
  stage.say(alice, bob, "one", "two");
  await stage.untilInserting();
  t.same(stage.told(alice), []);
  stage.kill(stage.place(bob).home);
  service.gates.commit.release();
  await stage.untilTold(alice, 2, 5_000);
  t.equal(stage.rows, 2);
  const history = await stage.end();
  t.same(history(bob), ["alice: one", "alice: two"]);
});

t.test("a server joins and becomes the home: nobody dies, and what was live goes on there", async (t) => {
  const stage = await Stage.set(t, SHORTLY_DEAD);
  const { world } = stage;
  const { alice, bob, joins } = await beforeAServerJoins(stage);
  const connections = [alice, bob].map(({ name }) => world.connections(name, "chat")[0]);
  const { commit } = world.archiveDatabase.gates;
  commit.hold();
  stage.say(alice, bob, "one", "two");
  await stage.untilShown(bob, 2, 1_000);
  await joins();
  // The view is being prepared: the old home takes nothing more, the new one does not yet.
  stage.say(alice, bob, "three");
  await world.until(() => world.system.complete);
  stage.say(alice, bob, "four");
  await stage.untilShown(bob, 4, 2_000);
  t.same(stage.told(alice), []);
  commit.release();
  await stage.untilTold(alice, 4, 2_000);
  t.same(
    [alice, bob].map(({ name }) => world.connections(name, "chat")[0]),
    connections,
    "clients need to know nothing of this",
  );
  t.same(stage.shown(bob), ["one", "two", "three", "four"]);
  const history = await stage.end();
  t.same(
    history(bob),
    ["one", "two", "three", "four"].map((text) => `alice: ${text}`),
  );
});

t.test("a server joins with a batch of the old home at the database: the new one comes behind", async (t) => {
  const stage = await Stage.set(t, SHORTLY_DEAD);
  const { world } = stage;
  const { alice, bob, joins } = await beforeAServerJoins(stage);
  const { commit } = world.service.gates;
  await stage.away(bob);
  commit.hold();
  stage.say(alice, bob, "one");
  await stage.untilInserting();
  await joins();
  stage.say(alice, bob, "two");
  await world.settle();
  t.not(world.system.state.preparing, null, "the view waits for the batch");
  commit.release();
  await stage.untilTold(alice, 2, 2_000);
  t.equal(stage.rows, 2);
  const history = await stage.end();
  t.same(history(bob), ["alice: one", "alice: two"]);
});

t.test("a home that has prepared the next view takes nothing more for who moves", async (t) => {
  const stage = await Stage.set(t, SHORTLY_DEAD);
  const { alice, bob, hears } = await whileTheOldHomeDoesNotHear(stage);
  t.same(stage.told(alice), [], "its sender's server sends it again");
  t.equal(stage.rows, 0);
  hears();
  await stage.untilTold(alice, 2, 1_000);
  t.same(stage.shown(bob), ["one", "two"]);
  const history = await stage.end();
  t.same(history(bob), ["alice: one", "alice: two"]);
});
