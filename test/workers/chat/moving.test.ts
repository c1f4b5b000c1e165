/** Sessions that the balancer has go on at another server (PROTOCOL.md, "Moving"): the servers' side. */
import t from "tap";
import type { ServerId } from "../../../src/protocol/ids.js";
import { takeBusiest } from "../../../src/workers/chat/busiest.js";
import { Cluster, account, config, type FakeClient } from "./cluster.js";

const [alice, bob] = [account("alice"), account("bob")];

async function threeServers(): Promise<Cluster> {
  const cluster = new Cluster(3);
  await cluster.changeView();
  return cluster;
}

function numberOf(client: FakeClient): number {
  const [welcome] = client.controls;
  if (welcome?.type !== "welcome") throw new Error("no welcome came");
  return welcome.session;
}

function tellToMove(cluster: Cluster, client: FakeClient, from: string, to: string): void {
  const where = { server: to as ServerId, host: "chat.example", port: 7443, ticket: Uint8Array.of(1) };
  cluster
    .server(from)
    .server.balancerMessage({ type: "move", moves: [{ session: numberOf(client), ...where }] });
}

t.test("a session is told where to go, with the balancer's ticket", async (t) => {
  const cluster = await threeServers();
  const client = await cluster.connect(bob, "chat-1");
  const other = await cluster.connect(alice, "chat-1");
  tellToMove(cluster, client, "chat-1", "chat-2");
  t.match(client.controls.at(-1), {
    type: "move",
    server: "chat-2",
    host: "chat.example",
    port: 7443,
    ticket: Uint8Array.of(1),
  });
  t.not(other.controls.at(-1)?.type, "move");
});

t.test("one that does not go is ended after a while, and one that was not told is not", async (t) => {
  const cluster = await threeServers();
  const client = await cluster.connect(bob, "chat-1");
  const other = await cluster.connect(alice, "chat-1");
  tellToMove(cluster, client, "chat-1", "chat-2");
  await cluster.pass(config.timeouts.moveMs);
  t.notOk(client.closed);
  // To be told again gives no more time.
  tellToMove(cluster, client, "chat-1", "chat-3");
  await cluster.pass(2_000);
  t.equal(client.closing, "unavailable");
  t.ok(client.closed);
  t.notOk(other.closed);
});

t.test("whoever is gone by then is told nothing", async (t) => {
  const cluster = await threeServers();
  const client = await cluster.connect(bob, "chat-1");
  const before = client.controls.length;
  client.disconnect();
  tellToMove(cluster, client, "chat-1", "chat-2");
  t.equal(client.controls.length, before);
});

for (const home of ["chat-1", "chat-2", "chat-3"]) {
  t.test(`who moves while others write gets all of it, in order, with the mailbox at ${home}`, async (t) => {
    const cluster = await threeServers();
    const reader = cluster.accountAt(home, "reader");
    const writer = await cluster.connect(alice, "chat-3");
    const before = await cluster.connect(reader, "chat-1");
    writer.send(reader, "one");
    writer.send(reader, "two");
    await cluster.settle();
    before.acknowledge(1);
    tellToMove(cluster, before, "chat-1", "chat-2");
    writer.send(reader, "three");
    // The new session is open, and the old one is not left yet.
    const after = await cluster.connect(reader, "chat-2");
    writer.send(reader, "four");
    await cluster.settle();
    before.disconnect();
    writer.send(reader, "five");
    await cluster.settle();
    const expected = ["two", "three", "four", "five"];
    t.strictSame([...new Set(after.texts)], expected, "everything that was not acknowledged, in order");
    after.acknowledge();
    await cluster.settle();
    t.equal(writer.accepted.length, 5);
    t.equal(cluster.unsettled, 0);
    const again = await cluster.connect(reader, "chat-3");
    t.strictSame(again.texts, [], "and nothing is left");
  });
}

t.test(
  "the busiest sessions are reported, a bounded number of them, and counted anew each time",
  async (t) => {
    const sessions = [3, 0, 7, 1, 7, 5].map((messages, index) => ({ number: index + 1, messages }));
    t.strictSame(takeBusiest(sessions, 3), [
      { session: 3, messages: 7 },
      { session: 5, messages: 7 },
      { session: 6, messages: 5 },
    ]);
    t.ok(sessions.every(({ messages }) => messages === 0));
    const cluster = await threeServers();
    const writer = await cluster.connect(alice, "chat-1");
    const reader = await cluster.connect(bob, "chat-2");
    writer.send(bob, "one");
    writer.send(bob, "two");
    await cluster.settle();
    const { server } = cluster.server("chat-1");
    t.strictSame(server.busiest(), [{ session: numberOf(writer), messages: 2 }], "what is sent");
    t.strictSame(server.busiest(), []);
    const messages = cluster.server("chat-2").server.busiest();
    t.strictSame(messages, [{ session: numberOf(reader), messages: 2 }], "and what is delivered");
  },
);
