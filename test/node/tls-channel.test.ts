/** Channels over real TLS sockets. */
import { once } from "node:events";
import type { TLSSocket } from "node:tls";
import t from "tap";
import { channelOverSocket, type ChannelLimits } from "../../src/node/tls-channel.js";
import type { FrameChannel } from "../../src/protocol/runtime.js";
import { Ear, framed, socketPair, turn } from "./sockets.js";

const LIMITS: ChannelLimits = { maxFrameBytes: 1 << 20, bufferBytes: 1 << 20, lingerMs: 60_000 };

interface End {
  readonly channel: FrameChannel;
  readonly ear: Ear;
  readonly socket: TLSSocket;
}

function endOver(socket: TLSSocket, limits: Partial<ChannelLimits> = {}, ear = new Ear()): End {
  return { channel: channelOverSocket(socket, { ...LIMITS, ...limits }, ear), ear, socket };
}

const bytes = (text: string) => Buffer.from(text, "latin1");

/** Everything that a raw socket was sent, once it has ended. */
async function allOf(socket: TLSSocket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  return Buffer.concat(chunks).toString("latin1");
}

t.test("frames go both ways, whole and in order, whatever their size", async (t) => {
  const { server, client } = await socketPair(t);
  const [one, other] = [endOver(server), endOver(client)];
  const sent = Array.from({ length: 60 }, (_, i) =>
    String.fromCharCode(65 + i).repeat(1 + ((i * 7919) % 40_000)),
  );
  for (const frame of sent) {
    one.channel.send(bytes(frame));
    other.channel.send(bytes(frame.toLowerCase()));
    if (frame.length % 3 === 0) await turn();
  }
  await Promise.all([one.ear.frameCount(60), other.ear.frameCount(60)]);
  t.ok(other.ear.frames.join() === sent.join());
  t.ok(one.ear.frames.join() === sent.join().toLowerCase());
});

t.test("on the wire a frame is its length and its content", async (t) => {
  const { server, client } = await socketPair(t);
  const { channel } = endOver(server);
  const received = allOf(client);
  channel.send(bytes("hi"));
  channel.send(bytes("x".repeat(300)));
  channel.close();
  t.equal(await received, `\0\0\0\x02hi\0\0\x01\x2c${"x".repeat(300)}`);
});

t.test("many sends of one turn leave in one write, those of the next in the next", async (t) => {
  const { server, client } = await socketPair(t);
  const { channel, socket } = endOver(server);
  const { ear } = endOver(client);
  const writes: number[] = [];
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  socket.write = (...args: unknown[]) => {
    writes.push((args[0] as Buffer).length);
    return write(...args);
  };
  for (let i = 0; i < 200; i++) channel.send(bytes("12345"));
  t.equal(channel.queuedBytes, 1800);
  t.same(writes, [], "nothing within the turn");
  await ear.frameCount(200);
  t.same(writes, [1800]);
  channel.send(bytes("later"));
  await ear.frameCount(201);
  t.same(writes, [1800, 9]);
});

t.test("a frame's bytes are copied before send returns", async (t) => {
  const { server, client } = await socketPair(t);
  const { channel } = endOver(server);
  const { ear } = endOver(client);
  const scratch = bytes("first");
  channel.send(scratch);
  scratch.write("other");
  channel.send(scratch);
  await ear.frameCount(2);
  t.same(ear.frames, ["first", "other"]);
});

t.test("send says so from the first byte over the limit, and drain when half of it is gone", async (t) => {
  // A limit smaller than what the socket itself takes in before it speaks of being full.
  const { server, client } = await socketPair(t);
  const { channel, ear } = endOver(server, { bufferBytes: 10 * 1004 });
  const other = endOver(client);
  const answers = Array.from({ length: 12 }, () => channel.send(Buffer.alloc(1000, 0x61)));
  t.same(answers, [...new Array<boolean>(10).fill(true), false, false]);
  t.ok(channel.congested);
  await ear.until(() => ear.drains > 0);
  t.notOk(channel.congested);
  t.ok(channel.queuedBytes <= 5 * 1004);
  t.ok(channel.send(bytes("on")));
  await other.ear.frameCount(13);
  t.equal(ear.drains, 1);
  t.same(ear.closes, []);
});

t.test("drain comes also where more was gathered while the socket was busy", async (t) => {
  const { server, client } = await socketPair(t);
  const { channel, ear } = endOver(server, { bufferBytes: 20_000 });
  const other = endOver(client);
  let sent = 0;
  for (let round = 1; round <= 20; round++) {
    while (channel.send(Buffer.alloc(1000))) sent++;
    sent++;
    await ear.until(() => ear.drains === round);
    // Between half the limit and the socket's own mark, where its own drain would not come again.
    while (channel.queuedBytes < 12_000 && channel.send(Buffer.alloc(1000))) sent++;
  }
  await other.ear.frameCount(sent);
  t.equal(other.ear.frames.length, sent);
  t.equal(ear.drains, 20);
});

t.test("a frame that finds twice the limit queued closes the channel", async (t) => {
  const { server } = await socketPair(t);
  const { channel, ear, socket } = endOver(server, { bufferBytes: 10 * 1004 });
  for (let i = 0; i < 20; i++) channel.send(Buffer.alloc(1000));
  t.equal(channel.queuedBytes, 20 * 1004);
  t.notOk(socket.destroyed, "twice the limit is queued, and that is allowed");
  t.notOk(channel.send(Buffer.alloc(1000)));
  t.ok(socket.destroyed);
  await ear.closed();
  t.match(ear.closes, [{ code: "tooMany" }]);
  t.equal(ear.drains, 0);
});

t.test("a peer that stops reading is noticed; when it reads again it gets everything", async (t) => {
  const { server, client } = await socketPair(t);
  const { channel, ear } = endOver(server, { bufferBytes: 256 * 1024 });
  const other = endOver(client);
  other.channel.pause();
  let sent = 0;
  // The operating system takes some megabytes first.
  while (channel.send(Buffer.alloc(32 * 1024, sent))) {
    sent++;
    await turn();
  }
  sent++;
  t.ok(channel.congested);
  t.equal(ear.drains, 0);
  t.ok(other.ear.frames.length < sent);
  other.channel.resume();
  await ear.until(() => ear.drains > 0);
  t.notOk(channel.congested);
  await other.ear.frameCount(sent);
  const right = other.ear.frames.every(
    (frame, i) => frame.length === 32 * 1024 && frame.charCodeAt(0) === (i & 255),
  );
  t.ok(right, `${sent} frames came whole and in order`);
  t.same([ear.closes, ear.drains], [[], 1]);
});

t.test("a peer that never reads again is cut off", async (t) => {
  const { server, client } = await socketPair(t);
  const { channel, ear } = endOver(server, { bufferBytes: 256 * 1024 });
  client.pause();
  while (ear.closes.length === 0) {
    channel.send(Buffer.alloc(32 * 1024));
    await turn();
  }
  t.match(ear.closes, [{ code: "tooMany" }]);
  t.notOk(channel.send(bytes("behind")));
});

t.test("close sends what is queued first, and both ends hear of it once and without an error", async (t) => {
  const { server, client } = await socketPair(t);
  const [one, other] = [endOver(server), endOver(client)];
  for (let i = 0; i < 50; i++) one.channel.send(Buffer.alloc(5000, i));
  one.channel.close();
  t.notOk(one.channel.send(bytes("too late")));
  one.channel.close();
  await Promise.all([one.ear.closed(), other.ear.closed()]);
  t.equal(other.ear.frames.length, 50);
  one.channel.close();
  one.channel.destroy();
  await turn();
  t.same([one.ear.closes, other.ear.closes], [[undefined], [undefined]]);
});

t.test("a channel closed within a frame is given no more of them", async (t) => {
  for (const how of ["close", "destroy"] as const) {
    const { server, client } = await socketPair(t);
    const end = endOver(server, {}, new Ear(() => end.channel[how]()));
    client.resume();
    client.write(Buffer.concat([framed("one"), framed("two"), framed("three")]));
    await end.ear.closed();
    t.same([end.ear.frames, end.ear.closes], [["one"], [undefined]], how);
  }
});

t.test("after close nothing that still comes is handed out", async (t) => {
  const { server, client } = await socketPair(t);
  const { channel, ear } = endOver(server);
  const received = allOf(client);
  channel.send(bytes("bye"));
  channel.close();
  client.write(framed("not heard"));
  t.equal(await received, "\0\0\0\x03bye");
  await ear.closed();
  t.same([ear.frames, ear.closes], [[], [undefined]]);
});

t.test("a peer that ends within a frame did not end in order", async (t) => {
  for (const part of [framed("whole").subarray(0, 2), framed("whole").subarray(0, 7)]) {
    const { server, client } = await socketPair(t);
    const { ear } = endOver(server);
    client.resume();
    client.end(Buffer.concat([framed("before"), part]));
    await ear.closed();
    t.same(ear.frames, ["before"]);
    t.match(ear.closes, [{ code: "unreachable", message: /within a frame/ }]);
  }
});

t.test("a peer that ends between frames did", async (t) => {
  const { server, client } = await socketPair(t);
  const { ear } = endOver(server);
  client.resume();
  client.end(framed("last"));
  await ear.closed();
  t.same([ear.frames, ear.closes], [["last"], [undefined]]);
});

t.test("a frame cut anywhere comes whole", async (t) => {
  const { server, client } = await socketPair(t);
  const { ear } = endOver(server);
  const frame = framed("0123456789");
  for (let at = 1; at < frame.length; at++) {
    client.write(frame.subarray(0, at));
    await turn();
    client.write(frame.subarray(at));
  }
  await ear.frameCount(13);
  t.same(ear.frames, new Array<string>(13).fill("0123456789"));
});

t.test("garbage ends the connection at once, with badFrame, once", async (t) => {
  const garbage = {
    "another protocol": bytes("GET / HTTP/1.1\r\n\r\n"),
    "an empty frame": Buffer.alloc(4),
    "one byte too many": Buffer.concat([Buffer.from("00100001", "hex"), Buffer.alloc(10)]),
    "a huge length": Buffer.from("ffffffff", "hex"),
  };
  for (const [name, chunk] of Object.entries(garbage)) {
    const { server, client } = await socketPair(t);
    const { channel, ear, socket } = endOver(server);
    client.resume();
    client.write(Buffer.concat([framed("good"), chunk]));
    await ear.closed();
    t.same(ear.frames, ["good"], name);
    t.match(ear.closes, [{ code: "badFrame" }], name);
    t.ok(socket.destroyed);
    t.notOk(channel.send(bytes("nobody there")));
    await turn();
    t.equal(ear.closes.length, 1, name);
  }
});

t.test("a handler that fails ends its own channel, with its error", async (t) => {
  const { server, client } = await socketPair(t);
  const fail = new Ear(() => {
    throw new Error("a defect");
  });
  const { ear } = endOver(server, {}, fail);
  client.resume();
  client.write(Buffer.concat([framed("one"), framed("two")]));
  await ear.closed();
  t.same(ear.frames, ["one"]);
  t.match(ear.closes, [{ message: "a defect" }]);
});

t.test("a connection that breaks off is told once, with its error", async (t) => {
  const { server } = await socketPair(t);
  const { channel, ear } = endOver(server);
  channel.send(bytes("on its way"));
  server.destroy(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
  await ear.closed();
  await turn();
  t.same([ear.closes.length, ear.drains], [1, 0]);
  t.match(ear.closes, [{ code: "ECONNRESET" }]);
});

t.test("destroy drops what is queued and ends at once", async (t) => {
  const { server, client } = await socketPair(t);
  const [one, other] = [endOver(server), endOver(client)];
  one.channel.send(bytes("dropped"));
  one.channel.destroy();
  one.channel.destroy();
  await Promise.all([one.ear.closed(), other.ear.closed()]);
  t.same([one.ear.closes, one.ear.drains], [[undefined], 0]);
  t.same(other.ear.frames, []);
  t.equal(other.ear.closes.length, 1);
});

t.test("a paused channel hears nothing until it is resumed", async (t) => {
  const { server, client } = await socketPair(t);
  const { channel, ear, socket } = endOver(server);
  channel.pause();
  client.write(framed("waits"));
  while (socket.readableLength === 0) await turn();
  t.same(ear.frames, [], "it came, and is not heard");
  channel.resume();
  await ear.frameCount(1);
  t.same(ear.frames, ["waits"]);
});

t.test("a channel closed while it was paused still sees its peer's end", async (t) => {
  const { server, client } = await socketPair(t);
  const [one, other] = [endOver(server), endOver(client)];
  one.channel.pause();
  other.channel.send(bytes("nobody hears this"));
  while (one.socket.readableLength === 0) await turn();
  one.channel.close();
  one.channel.pause();
  await Promise.all([one.ear.closed(), other.ear.closed()]);
  t.same([one.ear.frames, one.ear.closes], [[], [undefined]]);
});

t.test("a closed channel waits for a peer that does not close, and not for ever", async (t) => {
  const { server, client } = await socketPair(t, { allowHalfOpen: true });
  const { channel, ear, socket } = endOver(server, { lingerMs: 50 });
  const received = allOf(client);
  channel.send(bytes("bye"));
  channel.close();
  t.equal(await received, "\0\0\0\x03bye");
  t.notOk(client.writableEnded, "the peer keeps its side open");
  await ear.closed();
  t.ok(socket.destroyed);
  t.same(ear.closes, [undefined]);
});

t.test("nor does it wait for ever for a peer that does not read", async (t) => {
  const { server, client } = await socketPair(t);
  const { channel, ear } = endOver(server, { bufferBytes: 256 * 1024, lingerMs: 50 });
  client.pause();
  while (channel.send(Buffer.alloc(32 * 1024))) await turn();
  channel.close();
  await ear.closed();
  t.same([ear.closes, ear.drains], [[undefined], 0]);
});
