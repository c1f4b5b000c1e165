/** A real listener on loopback, and the clients that it does not want. */
import { once } from "node:events";
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from "node:net";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import t, { type Test } from "tap";
import { listenFrames, type FrameServer, type FrameServerOptions } from "../../src/node/frame-server.js";
import type { FrameChannel } from "../../src/protocol/runtime.js";
import { clientOptions, Ear, framed, makeKeys } from "./sockets.js";

const keys = await makeKeys();

/** Waits for something that is counted as it happens. */
class Events<T> {
  readonly all: T[] = [];
  #waiting: (() => void)[] = [];

  readonly add = (event: T): void => {
    this.all.push(event);
    for (const resolve of this.#waiting.splice(0)) resolve();
  };

  async count(count: number): Promise<void> {
    while (this.all.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

interface Running {
  readonly server: FrameServer;
  readonly port: number;
  readonly errors: Events<Error>;
  /** Channels in the order they came, each with what it heard. */
  readonly accepted: Events<{ readonly channel: FrameChannel; readonly ear: Ear }>;
}

/** Answers every frame with the same frame. */
async function listen(t: Test, options: Partial<FrameServerOptions> = {}): Promise<Running> {
  const errors = new Events<Error>();
  const accepted: Running["accepted"] = new Events();
  const server = await listenFrames({
    host: "127.0.0.1",
    port: 0,
    tls: keys,
    maxFrameBytes: 1000,
    bufferBytes: 1 << 20,
    lingerMs: 50,
    maxConnections: 100,
    handshakeMs: 60_000,
    accept(channel) {
      const ear = new Ear((frame) => channel.send(Buffer.from(frame, "latin1")));
      accepted.add({ channel, ear });
      return ear;
    },
    onError: errors.add,
    ...options,
  });
  t.teardown(async () => {
    const closed = server.close();
    for (const { channel } of accepted.all) channel.destroy();
    await closed;
  });
  return { server, port: server.listening.port, errors, accepted };
}

function dial(t: Test, port: number, more: ConnectionOptions = {}): TLSSocket {
  const socket = connect(clientOptions(port, more));
  t.teardown(() => socket.destroy());
  socket.on("error", () => undefined);
  return socket;
}

function dialTcp(t: Test, port: number): Socket {
  const socket = connectTcp(port, "127.0.0.1");
  t.teardown(() => socket.destroy());
  socket.on("error", () => undefined);
  return socket;
}

/** That the server still serves: a new client is answered. */
async function serves(t: Test, port: number): Promise<void> {
  const socket = dial(t, port);
  socket.write(framed("there?"));
  const [answer] = (await once(socket, "data")) as [Buffer];
  t.equal(answer.toString("latin1"), framed("there?").toString("latin1"));
  socket.end();
  await once(socket, "close");
}

t.test("says where it listens, and speaks frames over TLS 1.3", async (t) => {
  const { server, port, accepted } = await listen(t);
  t.equal(server.listening.host, "127.0.0.1");
  t.ok(port > 0);
  const socket = dial(t, port);
  await once(socket, "secureConnect");
  t.equal(socket.getProtocol(), "TLSv1.3");
  await serves(t, port);
  t.equal(accepted.all.length, 2);
});

t.test("hands out frames that came before the handshake was told of", async (t) => {
  const { port, accepted } = await listen(t);
  const socket = dial(t, port);
  socket.end(Buffer.concat([framed("at"), framed("once")]));
  await accepted.count(1);
  const ear = accepted.all[0]?.ear;
  await ear?.closed();
  t.same([ear?.frames, ear?.closes], [["at", "once"], [undefined]]);
});

t.test("a stranger's frames are small ones, until it is admitted", async (t) => {
  const { port, accepted } = await listen(t, { strangersFrameBytes: 10 });
  const greet = async (): Promise<TLSSocket> => {
    const socket = dial(t, port);
    socket.write(framed("hello"));
    await once(socket, "data");
    return socket;
  };
  const [stranger, known] = [await greet(), await greet()];
  accepted.all[1]?.channel.admit();
  known.write(framed("x".repeat(11)));
  await once(known, "data");
  stranger.write(framed("x".repeat(11)));
  await once(stranger, "close");
  await serves(t, port);
});

t.test("a port in use is told as what it is", async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  t.teardown(() => other.close());
  const { port } = other.address() as AddressInfo;
  await t.rejects(listen(t, { port }), { code: "portInUse", message: new RegExp(`${port}`) });
});

t.test("a host that is not this machine's is the configuration's fault", async (t) => {
  await t.rejects(listen(t, { host: "192.0.2.1" }), { code: "badConfig", message: /192\.0\.2\.1/ });
});

t.test("so is a certificate that is none, or that is not the key's; the key is not shown", async (t) => {
  const others = await makeKeys();
  const wrong = [
    { cert: "no certificate", key: keys.key },
    { cert: keys.cert, key: "no key" },
    { cert: keys.cert, key: others.key },
  ];
  const secret = keys.key.split("\n")[1] ?? "";
  t.ok(secret.length > 10);
  for (const tls of wrong) {
    const refused = listen(t, { tls }).then(
      () => null,
      (error: unknown) => error as { code: string; message: string },
    );
    const error = await refused;
    t.match(error, { code: "badConfig", message: /certificate/ });
    t.notOk(error?.message.includes(secret));
  }
});

t.test("a client of TLS 1.2 is refused, and others are served", async (t) => {
  const { port, errors, accepted } = await listen(t);
  const socket = dial(t, port, { maxVersion: "TLSv1.2" });
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  t.match(error.code, /PROTOCOL_VERSION/);
  await errors.count(1);
  t.equal(accepted.all.length, 0);
  await serves(t, port);
});

t.test("what does not speak TLS is closed, and others are served", async (t) => {
  const { port, errors, accepted } = await listen(t);
  const garbage = ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\0\0\0\x05hello", "\x16\x03\x01\xff\xff", ""];
  for (const [i, text] of garbage.entries()) {
    const socket = dialTcp(t, port);
    socket.resume();
    socket.end(text, "latin1");
    await once(socket, "close");
    await errors.count(i + 1);
  }
  t.equal(accepted.all.length, 0);
  await serves(t, port);
});

t.test("a client that goes away within its handshake does no harm", async (t) => {
  const { port, errors } = await listen(t);
  const socket = dialTcp(t, port);
  await once(socket, "connect");
  socket.resetAndDestroy();
  await errors.count(1);
  await serves(t, port);
});

t.test("a handshake that is not done in time is closed, so that it takes nobody's place", async (t) => {
  const { port, errors, accepted } = await listen(t, { handshakeMs: 30, maxConnections: 1 });
  const silent = dialTcp(t, port);
  silent.resume();
  await once(silent, "close");
  await errors.count(1);
  t.match(errors.all, [{ code: "ERR_TLS_HANDSHAKE_TIMEOUT" }]);
  t.equal(accepted.all.length, 0);
  await serves(t, port);
});

t.test("a client that speaks garbage in frames loses its own connection only", async (t) => {
  const { port, accepted } = await listen(t);
  const good = dial(t, port);
  good.write(framed("one"));
  await once(good, "data");
  const bad = dial(t, port);
  bad.resume();
  bad.write(Buffer.from("ffffffff", "hex"));
  await once(bad, "close");
  await accepted.all[1]?.ear.closed();
  t.match(accepted.all[1]?.ear.closes, [{ code: "badFrame" }]);
  good.write(framed("two"));
  await once(good, "data");
  t.same(accepted.all[0]?.ear.frames, ["one", "two"]);
});

t.test("connections beyond the most are closed at once; a place that is left can be taken", async (t) => {
  const { port, accepted } = await listen(t, { maxConnections: 2 });
  const [one, other] = [dial(t, port), dial(t, port)];
  await accepted.count(2);
  const third = dialTcp(t, port);
  third.resume();
  await once(third, "close");
  t.equal(accepted.all.length, 2);
  one.write(framed("still there"));
  await once(one, "data");
  other.resume();
  other.end();
  await accepted.all[1]?.ear.closed();
  await once(other, "close");
  await serves(t, port);
});

t.test("close: no new connections, open ones stay, and it waits for them", async (t) => {
  const { server, port, accepted } = await listen(t);
  const open = dial(t, port);
  open.write(framed("before"));
  await once(open, "data");
  let over = false;
  const closed = server.close().then(() => {
    over = true;
  });
  const [refused] = (await once(dialTcp(t, port), "error")) as [NodeJS.ErrnoException];
  t.equal(refused.code, "ECONNREFUSED");
  open.write(framed("after"));
  await once(open, "data");
  t.same(accepted.all[0]?.ear.frames, ["before", "after"]);
  t.notOk(over);
  accepted.all[0]?.channel.close();
  await Promise.all([closed, accepted.all[0]?.ear.closed()]);
  t.same(accepted.all[0]?.ear.closes, [undefined]);
});

t.test("close does not wait for handshakes, nor for peers that do not close", async (t) => {
  const { server, port, accepted, errors } = await listen(t);
  const silent = dialTcp(t, port);
  silent.resume();
  // The types know the option for plain sockets only; Node hands it on.
  const stubborn = dial(t, port, { allowHalfOpen: true } as ConnectionOptions);
  stubborn.resume();
  await accepted.count(1);
  const closed = server.close();
  accepted.all[0]?.channel.close();
  await Promise.all([closed, once(silent, "close"), accepted.all[0]?.ear.closed()]);
  await errors.count(1);
  t.same(accepted.all[0]?.ear.closes, [undefined]);
  t.notOk(stubborn.writableEnded);
});
