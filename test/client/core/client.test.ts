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
