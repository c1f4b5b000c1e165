/** PROTOCOL.md, "Sessions": what a client may send when, and what ends its session. */
import t from "tap";
import { PROTOCOL_VERSION, clientMessages } from "../../../src/protocol/chat.js";
import { Kind, encodeSend } from "../../../src/protocol/hot.js";
import type { ConversationId, MessageId } from "../../../src/protocol/ids.js";
import { Cluster, FakeClient, account, config, ticketOf } from "./cluster.js";

const [alice, bob] = [account("alice"), account("bob")];

async function oneServer(limits: ConstructorParameters<typeof Cluster>[1] = {}): Promise<Cluster> {
  const cluster = new Cluster(1, limits);
  await cluster.changeView();
  cluster.accounts.add(bob);
  return cluster;
}

function message(sender = alice, recipients = [bob], key = new Uint8Array(256)): Uint8Array {
  return encodeSend(Kind.send, {
    epoch: 0,
    message: "1".repeat(32) as MessageId,
    account: sender,
    conversation: "c".repeat(64) as ConversationId,
    keys: recipients.map((recipient) => ({ recipient, key })),
    envelope: new Uint8Array(100),
  });
}

t.test("a hello with a good ticket is welcomed with what the client must know", async (t) => {
  const cluster = await oneServer();
  const client = await cluster.connect(alice, "chat-1");
  const [welcome, live] = client.controls;
  t.match(welcome, {
    type: "welcome",
    server: "chat-1",
    idleMs: config.timeouts.idleMs,
    maxFrameBytes: config.limits.maxFrameBytes,
    sendWindow: config.limits.sendWindow,
  });
  t.equal(live?.type, "live");
});

t.test("what comes before a hello ends the connection", async (t) => {
  const cluster = await oneServer();
  for (const frame of [message(), clientMessages.encode({ type: "ping", ref: 1 })]) {
    const client = new FakeClient(alice, cluster.server("chat-1").server);
    client.frame(frame);
    t.equal(client.closing, "notSignedIn");
    t.ok(client.closed);
  }
});

t.test("a hello of another version is refused as such", async (t) => {
  const cluster = await oneServer();
  const client = new FakeClient(alice, cluster.server("chat-1").server);
  client.control({ type: "hello", version: PROTOCOL_VERSION + 1, ticket: ticketOf(alice), attach: true });
  await cluster.settle();
  t.equal(client.closing, "badVersion");
});

t.test("a second hello, and frames while a ticket is looked at, end the connection", async (t) => {
  const cluster = await oneServer();
  const hello = { type: "hello", version: PROTOCOL_VERSION, ticket: ticketOf(alice), attach: false } as const;
  const eager = new FakeClient(alice, cluster.server("chat-1").server);
  eager.control(hello);
  eager.frame(message());
  t.equal(eager.closing, "notSignedIn");
  await cluster.settle();
  t.equal(cluster.server("chat-1").server.connected().length, 0);
  const twice = await cluster.connect(alice, "chat-1");
  twice.control(hello);
  await cluster.settle();
  t.equal(twice.closing, "badFrame");
});

t.test("a bad ticket is refused", async (t) => {
  const cluster = await oneServer();
  const client = new FakeClient(alice, cluster.server("chat-1").server);
  client.control({ type: "hello", version: PROTOCOL_VERSION, ticket: new Uint8Array(5), attach: true });
  await cluster.settle();
  t.equal(client.closing, "badTicket");
});

t.test("frames that are not what they should be end the session and do nothing", async (t) => {
  const bad: [string, Uint8Array, string][] = [
    ["a kind that is not known", Uint8Array.of(99, 1, 2, 3), "badFrame"],
    ["a kind that only servers send", encodeWithKind(Kind.deliver), "badFrame"],
    ["control that is not MessagePack", Uint8Array.of(Kind.control, 0xc1), "badFrame"],
    ["control of no known type", Uint8Array.of(Kind.control, 0x80), "badFrame"],
    ["control that is too long", new Uint8Array(config.limits.maxControlBytes + 1).fill(1), "badFrame"],
    ["a message cut within its header", message().slice(0, 40), "badFrame"],
    ["a message cut within its entries", message().slice(0, 100), "badFrame"],
    ["a message without an envelope", message().slice(0, 72 + 18 + 256), "badFrame"],
    ["a message for nobody", message(alice, []), "badFrame"],
    ["a message that names somebody twice", message(alice, [bob, bob]), "badFrame"],
    ["a wrapped key that is too long", message(alice, [bob], new Uint8Array(2000)), "badFrame"],
    ["a message in another's name", message(bob, [bob]), "forbidden"],
    ["an acknowledgement that is too long", Uint8Array.of(Kind.ack, ...new Uint8Array(80)), "badFrame"],
  ];
  for (const [what, frame, code] of bad) {
    const cluster = await oneServer();
    const client = await cluster.connect(alice, "chat-1");
    client.frame(frame);
    await cluster.settle();
    t.equal(client.closing, code, what);
    t.equal(cluster.store.rows, 0, `${what} leaves nothing`);
  }
});

function encodeWithKind(kind: number): Uint8Array {
  const frame = message();
  frame[0] = kind;
  return frame;
}

t.test("random bytes never get further than the end of their own connection", async (t) => {
  const cluster = await oneServer();
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let i = 0; i < 500; i++) {
    const client = await connectedQuickly(cluster);
    const frame = i % 2 === 0 ? new Uint8Array(1 + random(300)) : message();
    for (let n = 0; n < 1 + random(8); n++) frame[random(frame.length)] = random(256);
    client.frame(frame);
    client.disconnect();
  }
  await cluster.settle();
  t.equal(cluster.server("chat-1").server.connected().length, 0);
  const client = await cluster.connect(alice, "chat-1");
  client.send(bob, "still here");
  await cluster.settle();
  t.equal(client.accepted.length, 1);
});

async function connectedQuickly(cluster: Cluster): Promise<FakeClient> {
  const client = new FakeClient(alice, cluster.server("chat-1").server);
  client.control({ type: "hello", version: PROTOCOL_VERSION, ticket: ticketOf(alice), attach: false });
  await Promise.resolve();
  await Promise.resolve();
  return client;
}

t.test("more recipients than allowed are too many", async (t) => {
  const cluster = await oneServer({ maxRecipients: 2 });
  const client = await cluster.connect(alice, "chat-1");
  client.frame(message(alice, [account("a"), account("b"), account("c")], new Uint8Array(1)));
  t.equal(client.closing, "tooLarge");
});

t.test("who sends beyond its window is ended, and what it sent within is delivered", async (t) => {
  const cluster = await oneServer({ sendWindow: 3 });
  const client = await cluster.connect(alice, "chat-1", false);
  for (let i = 0; i < 4; i++) client.send(bob, `message ${i}`);
  t.equal(client.closing, "tooMany");
  await cluster.settle();
  t.equal(cluster.store.rows, 3);
});

t.test("a server that holds all it may takes no more", async (t) => {
  const cluster = await oneServer({ unsettledBytes: 500 });
  const client = await cluster.connect(alice, "chat-1", false);
  client.frame(message());
  client.frame(message());
  t.equal(client.closing, "tooMany");
});

t.test("a flood is read on in the next second", async (t) => {
  const cluster = await oneServer({ framesPerSecond: 10 });
  const client = await cluster.connect(alice, "chat-1");
  for (let i = 0; i < 9; i++) client.control({ type: "ping", ref: i });
  t.ok(client.paused);
  await cluster.pass(1000);
  t.notOk(client.paused);
});

t.test("a connection without a hello, and a session that is silent, are ended in time", async (t) => {
  const cluster = await oneServer();
  const mute = new FakeClient(alice, cluster.server("chat-1").server);
  const silent = await cluster.connect(alice, "chat-1");
  await cluster.pass(config.timeouts.helloMs + 2000);
  t.equal(mute.closing, "timeout");
  t.equal(silent.closing, undefined);
  silent.control({ type: "ping", ref: 7 });
  t.match(silent.controls.at(-1), { type: "pong", ref: 7 });
  await cluster.pass(config.timeouts.idleMs - 1000);
  t.equal(silent.closing, undefined, "a heartbeat keeps a session");
  await cluster.pass(3000);
  t.equal(silent.closing, "timeout");
});

t.test("a server that slept hears its sessions first, before it judges their silence", async (t) => {
  const cluster = await oneServer();
  const client = await cluster.connect(alice, "chat-1");
  const arriving = new FakeClient(bob, cluster.server("chat-1").server);
  cluster.clock.sleep(3_600_000);
  await cluster.settle();
  t.equal(client.closing, undefined);
  t.equal(arriving.closing, undefined);
  await cluster.pass(config.timeouts.idleMs + 3000);
  t.equal(client.closing, "timeout");
  t.equal(arriving.closing, "timeout");
});

t.test("frames of their full size are taken of those alone whose ticket was good", async (t) => {
  const cluster = await oneServer();
  const client = new FakeClient(alice, cluster.server("chat-1").server);
  t.equal(client.admitted, false);
  client.control({ type: "hello", version: 1, ticket: new Uint8Array(10), attach: false });
  await cluster.settle();
  t.equal(client.closing, "badTicket");
  t.equal(client.admitted, false);
  t.equal((await cluster.connect(alice, "chat-1")).admitted, true);
});

t.test("a full server refuses connections and says so", async (t) => {
  const cluster = await oneServer({ connectionsPerServer: 1 });
  await cluster.connect(alice, "chat-1");
  const second = new FakeClient(bob, cluster.server("chat-1").server);
  t.equal(second.closing, "unavailable");
});

t.test("a session that does not attach is delivered nothing until it asks", async (t) => {
  const cluster = await oneServer();
  const sender = await cluster.connect(alice, "chat-1", false);
  const client = await cluster.connect(bob, "chat-1", false);
  sender.send(bob, "hello");
  await cluster.settle();
  t.same(client.texts, []);
  client.control({ type: "attach" });
  client.control({ type: "attach" });
  await cluster.settle();
  t.same(client.texts, ["hello"]);
});

t.test("a server that stops tells its clients and finishes its writes", async (t) => {
  const cluster = await oneServer();
  const client = await cluster.connect(alice, "chat-1", false);
  const warm = client.send(bob, "first");
  await cluster.settle();
  t.equal(client.accepted[0]?.message, warm);
  cluster.store.fault = "away";
  client.send(bob, "second");
  await cluster.settle();
  const stopped = cluster.server("chat-1").server.stop();
  cluster.store.fault = "none";
  await cluster.pass(1000);
  await stopped;
  t.equal(cluster.store.rows, 2);
  t.equal(client.closing, "unavailable");
});

t.test("a report counts what passed since the last one", async (t) => {
  const cluster = await oneServer();
  const sender = await cluster.connect(alice, "chat-1", false);
  const receiver = await cluster.connect(bob, "chat-1");
  sender.send(bob, "hello");
  await cluster.settle();
  const runtime = { loopDelayP99Ms: 1, utilization: 0.5 };
  t.match(cluster.server("chat-1").server.report(runtime), {
    connections: 2,
    attached: 1,
    messagesIn: 1,
    messagesOut: 1,
    unsettled: 1,
    utilization: 0.5,
  });
  receiver.acknowledge();
  await cluster.settle();
  t.match(cluster.server("chat-1").server.report(runtime), { messagesIn: 0, messagesOut: 0, unsettled: 0 });
});
