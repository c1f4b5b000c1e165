/** PROTOCOL.md, "Sending" and "Receiving": clients that are killed between two of their steps, or do not hear. */
import t from "tap";
import { Stage } from "./stage.js";

t.test("a client killed between its archive's commit and its acknowledgement: kept once", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(t);
  const { answer } = world.archiveDatabase.gates;
  answer.hold();
  const commits = world.archives.commits.length;
  stage.say(alice, bob, "one");
  await world.until(() => world.archives.commits.length > commits);
  await world.settle();
  t.same(stage.shown(bob), ["one"]);
  t.same(stage.told(alice), [], "his archive has it, and he does not know");
  bob.kill();
  answer.release();
  stage.say(alice, bob, "two");
  bob.revive();
  await stage.untilShown(bob, 3, 30_000);
  await stage.untilTold(alice, 2, 30_000);
  t.same(stage.shown(bob), ["one", "one", "two"]);
  const history = await stage.end();
  t.same(history(bob), ["alice: one", "alice: two"]);
});

t.test("a client killed between writing its outbox and sending: it goes by itself, and first", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(t);
  const outbox = (): string[] =>
    [...alice.device.disk.files.keys()].filter((name) => name.startsWith("outbox-"));
  const before = alice.wireSent.size;
  stage.say(alice, bob, "one");
  await world.until(() => outbox().length === 1);
  t.equal(alice.wireSent.size, before, "no byte has left");
  alice.kill();
  await world.pass(30_000);
  t.same(stage.shown(bob), []);
  alice.revive();
  await stage.untilShown(bob, 1, 5_000);
  t.same(stage.shown(bob), ["one"], "it leaves although nothing new is written");
  alice.kill();
  alice.revive();
  stage.say(alice, bob, "two");
  await stage.untilShown(bob, 2, 5_000);
  const history = await stage.end();
  t.same(outbox(), []);
  t.same(history(bob), ["alice: one", "alice: two"]);
  t.same(history(alice), history(bob));
});

t.test("a session whose refusal was not heard: what it sends behind it is refused, too", async (t) => {
  for (const deaf of ["client", "server"] as const) {
    const limits = { pendingPerAccount: 2 };
    const { stage, world, alice, bob } = await Stage.ofTwo(
      t,
      { limits },
      (hers, his) => his.home !== hers.server,
    );
    const { server } = stage.place(alice);
    await stage.away(bob);
    stage.say(alice, bob, "one", "two");
    await stage.untilTold(alice, 2, 5_000);
    const [connection] = world.connections(alice.name, "chat");
    const fromHome = world.system.supervisor.way(stage.place(bob).home, server);
    // Her server knows of the refusal, and refuses by itself; or the home alone does.
    const way = deaf === "client" ? connection?.client.incoming : fromHome;
    way?.hold();
    stage.say(alice, bob, "three");
    await world.until(() => way?.size === 1);
    // Now there is room, and she does not know that there was none.
    await stage.connectElsewhere(bob, server);
    await world.until(() => stage.rows === 0 && stage.shown(bob).length === 2);
    await world.settle();
    stage.say(alice, bob, "four");
    await world.until(() => way?.size === 2);
    await world.settle();
    t.same(stage.shown(bob), ["one", "two"], "the fourth must not be in front of the third");
    await stage.roam(alice);
    await stage.untilTold(alice, 4, 30_000);
    fromHome.release();
    t.same(stage.told(alice), ["one", "two", "three", "four"]);
    const history = await stage.end();
    t.same(history(bob), ["alice: one", "alice: two", "alice: three", "alice: four"]);
  }
});

t.test("a refusal that was heard: it is told, and what comes next goes in a new session", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(t, { limits: { pendingPerAccount: 2 } });
  await stage.away(bob);
  stage.say(alice, bob, "one", "two", "three");
  await stage.untilTold(alice, 3, 5_000);
  t.same(stage.told(alice), ["one", "two", "three: queueFull"]);
  const before = world.connections(alice.name, "chat");
  bob.revive();
  await world.until(() => stage.rows === 0 && stage.shown(bob).length === 2);
  await world.settle();
  stage.say(alice, bob, "four");
  await stage.untilTold(alice, 4, 30_000);
  t.same(stage.told(alice), ["one", "two", "three: queueFull", "four"]);
  t.not(world.connections(alice.name, "chat")[0], before[0]);
  const history = await stage.end();
  t.same(history(bob), ["alice: one", "alice: two", "alice: four"]);
  t.same(history(alice), history(bob));
});
