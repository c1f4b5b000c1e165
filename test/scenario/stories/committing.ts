/** PROTOCOL.md, "Accepted" and "Writes": what is killed around the commit of a message for somebody who is away. */
import t from "tap";
import { LONG_DEAD, Stage } from "./stage.js";

t.test("killed before the commit: nothing was answered, and what is on the device goes again", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(t, { embedded: true });
  await stage.away(bob);
  world.service.gates.commit.hold();
  stage.say(alice, bob, "one", "two");
  await stage.untilInserting();
  t.same(stage.told(alice), [], "nothing is accepted that is not committed");
  world.crash();
  t.equal(stage.rows, 0);
  world.start();
  await stage.untilTold(alice, 2, 60_000);
  t.same(stage.told(alice), ["one", "two"]);
  t.equal(stage.rows, 2);
  const history = await stage.end();
  t.same(history(bob), ["alice: one", "alice: two"]);
  t.same(history(alice), history(bob));
});

t.test("killed after the commit and before the answer: the repetition changes nothing", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(t, { embedded: true });
  await stage.away(bob);
  world.service.gates.answer.hold();
  stage.say(alice, bob, "one", "two");
  await world.until(() => stage.rows > 0);
  await world.settle();
  t.same(stage.told(alice), []);
  world.crash();
  world.start();
  await stage.untilTold(alice, 2, 60_000);
  t.equal(stage.rows, 2, "they stand already, and are not written once more");
  bob.revive();
  await stage.untilShown(bob, 2, 5_000);
  t.same(stage.shown(bob), ["one", "two"]);
  const history = await stage.end();
  t.same(history(bob), ["alice: one", "alice: two"]);
});

t.test("killed after the commit, and delivered before it is sent again: the archive has it", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(t, { embedded: true });
  await stage.away(bob);
  world.service.gates.answer.hold();
  stage.say(alice, bob, "one");
  await world.until(() => stage.rows === 1);
  world.crash();
  alice.device.goOffline(false);
  world.start();
  await stage.untilComplete();
  bob.revive();
  await world.until(() => stage.shown(bob).length === 1 && stage.rows === 0);
  // A new process knows nothing of what it was shown before.
  bob.kill();
  bob.revive();
  alice.device.goOnline();
  await stage.untilTold(alice, 1, 60_000);
  await stage.untilShown(bob, 2, 60_000);
  const history = await stage.end();
  t.same(history(bob), ["alice: one"]);
});

t.test("killed after the answer and before delivery: what was accepted waits", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(t, { embedded: true });
  await stage.away(bob);
  stage.say(alice, bob, "one", "two");
  await stage.untilTold(alice, 2, 5_000);
  bob.revive();
  bob.device.process?.stopReading();
  await world.until(() => stage.onTheWayTo(bob) > 2);
  await world.settle();
  for (const connection of world.connections(bob.name, "chat")) connection.vanish();
  world.crash();
  bob.device.process?.readAgain();
  t.same(stage.shown(bob), [], "they were lost on the way");
  t.equal(stage.rows, 2, "a row stays until it is acknowledged");
  world.start();
  await stage.untilShown(bob, 2, 60_000);
  const history = await stage.end();
  t.same(stage.told(alice), ["one", "two"]);
  t.same(history(bob), ["alice: one", "alice: two"]);
});

t.test("what a dead home commits late is read before what came behind it", async (t) => {
  // Links take no time, so that what is sent again together comes into one batch.
  const { stage, world, alice, bob } = await Stage.ofTwo(
    t,
    { ...LONG_DEAD, limits: { catchUpWindow: 2 }, pace: { threadMs: 0 } },
    (hers, his) => his.home !== hers.server && his.nextHome !== hers.server,
  );
  const { commit, answer } = world.service.gates;
  world.service.abortedByDeath = 0;
  const { server: old } = stage.place(alice);
  const { home, nextHome } = stage.place(bob);
  const carol = await stage.person("carol", ({ server }) => server === nextHome);
  await stage.meet(carol, bob);
  await stage.away(bob);

  // Alice's first message has its place in the table, and is not committed when the home dies.
  commit.hold();
  stage.say(alice, bob, "one");
  await stage.untilInserting();
  commit.letOthersPass();
  await stage.changesView(() => stage.kill(home));
  // Her server does not hear yet that the new view holds; everybody else does.
  world.system.supervisor.inbox(old)?.hold();
  stage.say(carol, bob, "carol 1", "carol 2", "carol 3");
  await stage.untilTold(carol, 3, 5_000);
  world.archiveDatabase.gates.commit.hold();
  await stage.connect(bob, nextHome);
  await stage.untilShown(bob, 2, 5_000);
  stage.say(alice, bob, "two");
  await world.settle();

  // Now it sends both to the new home, which has to wait for what the old one began.
  world.system.supervisor.inbox(old)?.release();
  await world.settle();
  t.same(stage.told(alice), []);
  // The old home's commit comes, below what was read already; and the new one's, of which nobody is told yet.
  answer.hold();
  commit.release();
  await world.until(() => stage.rows === 5);
  await world.settle();
  answer.letOthersPass();
  world.archiveDatabase.gates.commit.release();
  await stage.untilShown(bob, 3, 1_000);
  await world.settle();
  t.same(stage.shown(bob), ["carol 1", "carol 2", "carol 3"], "no row before its own write is answered");
  answer.release();
  await stage.untilShown(bob, 5, 1_000);
  t.same(stage.shown(bob).slice(3), ["one", "two"]);
  const history = await stage.end();
  t.same(stage.told(alice), ["one", "two"]);
  t.same(history(bob), ["carol: carol 1", "carol: carol 2", "carol: carol 3", "alice: one", "alice: two"]);
});
