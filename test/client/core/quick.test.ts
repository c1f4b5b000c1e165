/** QuickChat, and pending on demand. */
import t from "tap";
import { Client } from "../../../src/client/core/client.js";
import { inTime, listenTo, PASSWORD, Process, resume, twoPeople } from "./device.js";
import { Service } from "./service.js";

/** Bob, whose archive has three messages of alice, and for whom two more wait. */
async function bobIsAway() {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices);
  const before = await resume(onBobs);
  const { listening } = await listenTo(before);
  for (const text of ["1", "2", "3"]) await inTime(service, alice.send("bob", text));
  await inTime(service, () => [...service.mailboxes.values()].every((box) => box.length === 0));
  await inTime(service, listening.stop());
  await inTime(service, before.close());
  for (const text of ["4", "5"]) await inTime(service, alice.send("bob", text));
  await inTime(service, alice.close());
  return service;
}

const credentials = { name: "bob", password: PASSWORD, deviceLabel: "another" };

async function login(service: Service, how: { quick?: boolean; leavesPending?: boolean }) {
  const process = new Process(service);
  const client = await inTime(service, Client.login(process.ports, { ...credentials, ...how }));
  if (client === undefined) throw new Error("there is no client");
  return { process, client };
}

const texts = (entries: readonly { readonly text: string }[] = []) => entries.map(({ text }) => text);

t.test("QuickChat shows what is new and what is pending, and the rest once it is asked for", async (t) => {
  const service = await bobIsAway();
  const { process, client } = await login(service, { quick: true });
  t.ok(client.skipsHistory);
  t.strictSame(texts(await inTime(service, client.history())), []);
  t.strictSame((await inTime(service, client.chats()))?.chats, []);
  const { texts: shown } = await listenTo(client);
  await inTime(service, () => shown().length === 2);
  t.strictSame(shown(), ["4", "5"]);
  await inTime(service, client.close());

  const later = await resume(process.restart());
  t.ok(later.skipsHistory, "the device remembers");
  t.strictSame(texts(await inTime(service, later.history({ limit: 1 }))), ["5"]);
  t.strictSame(texts(await inTime(service, later.history({ with: "alice" }))), ["4", "5"]);
  t.equal((await inTime(service, later.chats()))?.chats[0]?.unread, 2);
  await inTime(service, later.restoreHistory());
  t.notOk(later.skipsHistory);
  t.strictSame(texts(await inTime(service, later.history())), ["1", "2", "3", "4", "5"]);
  t.equal((await inTime(service, later.chats()))?.chats[0]?.unread, 5);
  await inTime(service, later.close());
});

t.test("a usual login ends QuickChat", async (t) => {
  const service = await bobIsAway();
  const { process, client } = await login(service, { quick: true });
  await inTime(service, client.close());
  const again = await inTime(service, Client.login(process.restart().ports, credentials));
  t.strictSame(texts(await inTime(service, again?.history() ?? Promise.resolve([]))), ["1", "2", "3"]);
  await inTime(service, again?.close() ?? Promise.resolve());
});

t.test("QuickChat that cannot begin leaves no keys on the device", async (t) => {
  const service = await bobIsAway();
  service.archive.leave();
  const process = new Process(service);
  await t.rejects(inTime(service, Client.login(process.ports, { ...credentials, quick: true })));
  await t.rejects(resume(process.restart()), { code: "notSignedIn" });
  service.archive.away = false;
  const { client } = await login(service, { quick: true });
  t.ok(client.skipsHistory);
  await inTime(service, client.close());
});

t.test("QuickChat whose login was killed on the way shows nothing", async (t) => {
  const service = await bobIsAway();
  service.archive.silent = true;
  const process = new Process(service);
  let ended = false;
  void Client.login(process.ports, { ...credentials, quick: true }).catch(() => (ended = true));
  await inTime(service, () => [...process.storage.files.keys()].includes("account"));
  t.notOk(ended);
  const next = process.restart();
  service.archive.speak();
  const client = await resume(next);
  t.ok(client.skipsHistory);
  t.strictSame(await inTime(service, client.history()), []);
  await inTime(service, client.restoreHistory());
  t.strictSame(texts(await inTime(service, client.history())), ["1", "2", "3"]);
  await inTime(service, client.close());
});

t.test("a search in QuickChat finds what is shown, and leaves no index", async (t) => {
  const service = await bobIsAway();
  const { process, client } = await login(service, { quick: true });
  await inTime(service, client.send("alice", "findable"));
  t.match(await inTime(service, client.search("findable")), [{ text: "findable" }]);
  t.strictSame(await inTime(service, client.search("1")), []);
  t.strictSame(
    [...process.storage.files.keys()].filter((name) => name.startsWith("search-")),
    [],
  );
  await inTime(service, client.close());
});

t.test("what waits stays with the service until it is asked for, and is then gone from it", async (t) => {
  const service = await bobIsAway();
  const { process, client } = await login(service, { leavesPending: true });
  t.ok(client.leavesPending);
  const shown: string[] = [];
  const handlers = { onMessage: ({ text }: { text: string }) => void shown.push(text) };
  await t.rejects(client.listen(handlers), { code: "badRequest" });
  await inTime(service, client.send("alice", "hello"));
  const waiting = () => [...service.mailboxes.values()].map((box) => box.length).sort();
  t.strictSame(waiting(), [1, 2], "it was not attached by sending");
  await inTime(service, client.close());

  const later = await resume(process.restart());
  t.ok(later.leavesPending, "the device remembers");
  let live = false;
  const listening = await later.listen({ ...handlers, onLive: () => void (live = true) }, { pending: true });
  await inTime(service, () => live);
  t.strictSame(shown, ["4", "5"], "all of it, in order, before it is told that that was all");
  await inTime(service, listening.stop());
  await inTime(service, () => waiting()[0] === 0);
  t.strictSame(waiting(), [0, 1], "hello waits for alice");
  t.strictSame(texts(await inTime(service, later.history())), ["1", "2", "3", "hello", "4", "5"]);
  await inTime(service, later.close());
});
