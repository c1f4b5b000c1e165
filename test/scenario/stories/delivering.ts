/** PROTOCOL.md, "Mailboxes" and "Receiving": what is killed, or stops, between delivery and acknowledgement. */
import t from "tap";
import { LONG_DEAD, Stage } from "./stage.js";

t.test(
  "the whole process killed with messages held live: nobody was told, and they come again",
  async (t) => {
    const { stage, world, alice, bob } = await Stage.ofTwo(t, { embedded: true });
    bob.device.process?.stopReading();
    stage.say(alice, bob, "one", "two", "three");
    await world.until(() => stage.onTheWayTo(bob) === 3);
    await world.settle();
    t.equal(stage.rows, 0, "what is live is in memory only");
    t.same(stage.told(alice), [], "and so it is not accepted");
    for (const connection of world.connections(bob.name, "chat")) connection.vanish();
    world.crash();
    bob.device.process?.readAgain();
    world.start();
    await stage.untilTold(alice, 3, 60_000);
    await stage.untilShown(bob, 3, 60_000);
    t.same(stage.shown(bob), ["one", "two", "three"]);
    const history = await stage.end();
    t.same(stage.told(alice), ["one", "two", "three"]);
    t.same(history(bob), ["alice: one", "alice: two", "alice: three"]);
  },
);

t.test("killed after delivery and before the archive has it: it was not acknowledged", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(t, { embedded: true });
  world.archiveDatabase.gates.commit.hold();
  stage.say(alice, bob, "one", "two");
  await stage.untilShown(bob, 2, 5_000);
  await world.settle();
  t.same(stage.told(alice), []);
  // All of it dies at once: what the archive had not committed is nowhere but in Alice's outbox.
  bob.kill();
  world.crash();
  world.start();
  bob.revive();
  await stage.untilTold(alice, 2, 60_000);
  await stage.untilShown(bob, 4, 60_000);
  t.same(stage.shown(bob), ["one", "two", "one", "two"], "shown again, with the same ids");
  const history = await stage.end();
  t.same(history(bob), ["alice: one", "alice: two"]);
});

t.test("the home killed with the acknowledgement on its way: delivered again, standing once", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(
    t,
    LONG_DEAD,
    (hers, his) => his.home !== his.server && his.home !== hers.server,
  );
  const [connection] = world.connections(bob.name, "chat");
  const acknowledgements = connection?.server.incoming;
  acknowledgements?.hold();
  stage.say(alice, bob, "one", "two");
  await world.until(() => acknowledgements?.size === 2);
  t.same(stage.told(alice), []);
  stage.kill(stage.place(bob).home);
  await world.settle();
  acknowledgements?.release();
  await stage.untilTold(alice, 2, 5_000);
  t.same(world.connections(bob.name, "chat"), [connection], "nobody but the home was lost");
  t.same(stage.shown(bob), ["one", "two"], "a client that runs on knows what it was given");
  const history = await stage.end();
  t.same(history(bob), ["alice: one", "alice: two"]);
});

t.test("the home killed in the middle of catching up: the next goes on, in order", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(
    t,
    { ...LONG_DEAD, limits: { catchUpWindow: 2 } },
    (hers, his) => his.home !== hers.server,
  );
  const { commit } = world.archiveDatabase.gates;
  const { home, nextHome } = stage.place(bob);
  await stage.away(bob);
  stage.say(alice, bob, "one", "two", "three", "four", "five");
  await stage.untilTold(alice, 5, 5_000);
  // Now his archive takes its time: he is given no more than a window.
  commit.hold();
  await stage.connect(bob, nextHome);
  await stage.untilShown(bob, 2, 5_000);
  stage.say(alice, bob, "six");
  await stage.untilTold(alice, 6, 5_000);
  t.equal(stage.rows, 6, "what comes meanwhile goes behind what waits");
  t.same(stage.shown(bob), ["one", "two"]);
  stage.kill(home);
  await world.settle();
  commit.release();
  const history = await stage.end();
  t.same(
    history(bob),
    ["one", "two", "three", "four", "five", "six"].map((text) => `alice: ${text}`),
  );
});

t.test("a reader that stops reading: its messages are stored, and nobody waits", async (t) => {
  const { stage, world, alice, bob } = await Stage.ofTwo(t, { limits: { socketBufferBytes: 4096 } });
  const carol = await stage.person("carol");
  const texts = Array.from({ length: 30 }, (_, i) => `text ${i + 1}`);
  const [connection] = world.connections(bob.name, "chat");
  bob.device.process?.stopReading();
  stage.say(alice, bob, ...texts);
  stage.say(alice, carol, "for carol");
  // Sooner than a session is given up that acknowledges nothing.
  await stage.untilTold(alice, texts.length + 1, world.config.timeouts.ackMs / 2);
  t.same(stage.shown(bob), []);
  t.same(stage.shown(carol), ["for carol"]);
  t.equal(stage.rows, texts.length);
  t.ok((connection?.server.queuedBytes ?? 0) <= 2 * 4096, "no more is queued than configured");
  bob.device.process?.readAgain();
  await stage.untilShown(bob, texts.length, 5_000);
  t.same(world.connections(bob.name, "chat"), [connection], "its connection was not closed");
  t.same(stage.shown(bob), texts);
  const history = await stage.end();
  t.same(
    history(bob),
    texts.map((text) => `alice: ${text}`),
  );
});
