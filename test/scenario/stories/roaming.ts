/** PROTOCOL.md, "Accepted" and "Mailboxes": people who change their network while the first copy is on its way. */
import t from "tap";
import { LONG_DEAD, Stage, type Place } from "./stage.js";

function onAServerOfHisOwn(hers: Place, his: Place): boolean {
  return his.server !== his.home && his.server !== hers.server;
}

t.test("the sender roams while the first copy is in flight: both come, and it stands once", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(
    t,
    {},
    (hers, his) => his.home !== hers.server && his.server !== hers.server,
  );
  const way = world.system.supervisor.way(stage.place(alice).server, stage.place(bob).home);
  way.hold();
  stage.say(alice, bob, "one", "two");
  await world.until(() => way.size > 0);
  await world.settle();
  await stage.roam(alice);
  stage.say(alice, bob, "three");
  await stage.untilTold(alice, 3, 5_000);
  t.same(stage.shown(bob), ["one", "two", "three"]);
  // The client that gets the first copies knows nothing of the second ones; its archive does.
  bob.kill();
  bob.revive();
  await world.until(() => bob.listening);
  await world.settle();
  way.release();
  await stage.untilShown(bob, 5, 15_000);
  t.same(stage.shown(bob), ["one", "two", "three", "one", "two"]);
  const history = await stage.end();
  t.same(stage.told(alice), ["one", "two", "three"]);
  t.same(history(bob), ["alice: one", "alice: two", "alice: three"]);
  t.same(history(alice), history(bob));
});

t.test("the recipient roams while the first copy is in flight: the new session is given it", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(t, {}, onAServerOfHisOwn);
  const { home, server } = stage.place(bob);
  const way = world.system.supervisor.way(home, server);
  way.hold();
  stage.say(alice, bob, "one", "two");
  await world.until(() => way.size > 0);
  await world.settle();
  t.same(stage.told(alice), []);
  await stage.roam(bob);
  stage.say(alice, bob, "three");
  // Sooner than a session is given up that acknowledges nothing.
  await stage.untilShown(bob, 3, world.config.timeouts.ackMs / 2);
  await stage.untilTold(alice, 3, world.config.timeouts.ackMs / 2);
  way.release();
  t.same(stage.shown(bob), ["one", "two", "three"]);
  const history = await stage.end();
  t.same(history(bob), ["alice: one", "alice: two", "alice: three"]);
});

t.test(
  "the sender roams while the home holds the first copy: both sessions are answered for it",
  async (t) => {
    const { stage, world, alice, bob } = await Stage.ofTwo(t);
    const { commit } = world.archiveDatabase.gates;
    commit.hold();
    stage.say(alice, bob, "one", "two");
    await stage.untilShown(bob, 2, 1_000);
    await stage.roam(alice);
    await world.settle();
    t.same(stage.told(alice), []);
    commit.release();
    await stage.untilTold(alice, 2, 1_000);
    t.same(stage.shown(bob), ["one", "two"]);
    const history = await stage.end();
    t.same(history(bob), ["alice: one", "alice: two"]);
  },
);

t.test("the recipient's server dies with deliveries on their way: they are stored and told", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(t, LONG_DEAD, onAServerOfHisOwn);
  const { home, server } = stage.place(bob);
  world.system.supervisor.way(home, server).hold();
  stage.say(alice, bob, "one", "two");
  await world.settle();
  t.same(stage.told(alice), []);
  bob.kill();
  stage.kill(server);
  await stage.untilTold(alice, 2, 1_000);
  t.equal(stage.rows, 2);
  bob.revive();
  await stage.untilShown(bob, 2, 5_000);
  const history = await stage.end();
  t.same(history(bob), ["alice: one", "alice: two"]);
});
