/** The client as a whole against a service in memory. */
import t from "tap";
import { inTime, listenTo, resume, twoPeople, until } from "./device.js";
import { Service } from "./service.js";

t.test("what one writes the other gets, and both find it in their history", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices);
  const bob = await resume(onBobs);
  const { got } = await listenTo(bob);

  const sent = await alice.send("Bob", "hello");
  t.equal(sent.to, "bob");
  t.equal(sent.outcome, "stored");
  await until(() => got.length === 1);
  t.match(got[0], { id: sent.id, from: "alice", text: "hello", at: sent.at, number: 1 });
  await until(() => service.acks.length === 1);

  t.match(await alice.history(), [
    { id: sent.id, from: "alice", to: "bob", text: "hello", direction: "sent", at: sent.at },
  ]);
  t.match(await bob.history({ with: "alice" }), [
    { id: sent.id, from: "alice", to: "bob", text: "hello", direction: "received", at: sent.at },
  ]);
  t.equal(await alice.safetyNumber("bob"), await bob.safetyNumber("alice"));

  await inTime(service, Promise.all([alice.close(), bob.close()]));
  t.strictSame(
    [...onAlices.storage.files.keys()].filter((name) => name.startsWith("outbox")),
    [],
    "what is accepted and archived has left the outbox",
  );
});

t.test("a closed client leaves nothing behind that keeps its process from ending", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices);
  const bob = await resume(onBobs);
  await listenTo(bob);
  service.archive.away = true;
  await inTime(service, alice.send("bob", "hello"));
  service.archive.away = false;
  await inTime(service, () => service.acks.length === 1);
  service.chatAway = true;
  service.cut();
  await inTime(service, () => service.sessions.size === 0);
  // An archive that takes connections and says nothing.
  service.archive.silent = true;
  service.archive.cut();
  await inTime(service, () => onAlices.busy.channels === 1);
  void alice.send("bob", "never accepted").catch(() => undefined);
  await inTime(service, Promise.all([alice.close(), bob.close()]));
  await inTime(service, () => onAlices.busy.channels + onBobs.busy.channels === 0);
  t.strictSame([onAlices.busy.timers, onBobs.busy.timers], [0, 0]);
  await alice.close();
});

t.test("a server that says nothing any more is left for another session, and nothing is lost", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  const bob = await resume(onBobs);
  const { texts } = await listenTo(bob);
  await until(() => service.sessions.size === 1);
  service.deaf = true;
  const [half] = service.sessions;
  await inTime(service, () => service.hellos.length === 2);
  service.deaf = false;
  t.notOk(half === undefined || service.sessions.has(half), "the silent one was hung up");
  const alice = await resume(onAlices);
  await inTime(service, alice.send("bob", "are you there?"));
  await inTime(service, () => texts().length === 1);
  await inTime(service, () => service.mailbox(bob.me.account).length === 0);
  await inTime(service, Promise.all([alice.close(), bob.close()]));
});

t.test("frames that make no sense end the session, and the next one goes on", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  const alice = await resume(onAlices);
  const nonsense = [[], [1, 0xc1], [0x10, 0, 0], [0x12, 0, 0, 1], [0x11, 0, 0, 9]];
  const { texts } = await listenTo(alice);
  for (const bytes of nonsense) {
    await inTime(service, () => service.sessions.size === 1);
    const before = service.hellos.length;
    for (const { channel } of service.sessions) channel.send(Uint8Array.from(bytes));
    // A frame of a kind that is not known is no nonsense: a later version's.
    for (const { channel } of service.sessions) channel.send(Uint8Array.of(0x7f));
    if (bytes.length > 0) await inTime(service, () => service.hellos.length > before);
  }
  await inTime(service, alice.send("alice", "still here"));
  await inTime(service, () => texts().length === 1);
  t.strictSame(texts(), ["still here"]);
  await inTime(service, alice.close());
});
