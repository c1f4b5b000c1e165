import { createServer, type AddressInfo, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import t from "tap";
import type { KnownKey } from "../../../src/client/node/pin.js";
import { TlsTransport } from "../../../src/client/node/transport.js";
import { encodeFrame } from "../../../src/protocol/frame.js";
import type { FrameHandlers } from "../../../src/protocol/runtime.js";
import { listenTls, makeCertificate, trustIn } from "./tls-service.js";

const certificate = await makeCertificate();
const known: KnownKey = { kind: "pin", pin: certificate.pin };
const options = { timeoutMs: 5000, maxFrameBytes: 1000, bufferBytes: 10_000 };

/** Handlers that keep what came and tell when something did. */
function recorder(): {
  handlers: FrameHandlers;
  frames: string[];
  frame: Promise<void>;
  closed: Promise<Error | undefined>;
} {
  const frames: string[] = [];
  let onFrame = (): void => undefined;
  let onClose: (error?: Error) => void = () => undefined;
  const frame = new Promise<void>((resolve) => (onFrame = resolve));
  const closed = new Promise<Error | undefined>((resolve) => (onClose = resolve));
  const handlers: FrameHandlers = {
    onFrame(content) {
      frames.push(Buffer.from(content).toString());
      onFrame();
    },
    onDrain: () => undefined,
    onClose: (error) => onClose(error),
  };
  return { handlers, frames, frame, closed };
}

async function connected(t: { teardown(after: () => unknown): void }, accept: (socket: TLSSocket) => void) {
  const server = await listenTls(certificate, accept);
  t.teardown(() => server.close());
  const record = recorder();
  const transport = new TlsTransport(trustIn(server.port, { known }).trust, options);
  const channel = await transport.connect({ host: "127.0.0.1", port: server.port }, record.handlers);
  return { channel, ...record };
}

t.test("frames go and come over TLS", async (t) => {
  const { channel, frames, frame, closed } = await connected(t, (socket) => socket.pipe(socket));
  t.ok(channel.send(new Uint8Array(Buffer.from("hello"))));
  await frame;
  t.same(frames, ["hello"]);
  channel.close();
  t.equal(await closed, undefined);
});

t.test("a peer that speaks first is heard only once the caller has its channel", async (t) => {
  const server = await listenTls(certificate, (socket) =>
    socket.write(encodeFrame(new Uint8Array(Buffer.from("early")))),
  );
  t.teardown(() => server.close());
  const { handlers, frames, frame } = recorder();
  const transport = new TlsTransport(trustIn(server.port, { known }).trust, options);
  const channel = await transport.connect({ host: "127.0.0.1", port: server.port }, handlers);
  t.same(frames, []);
  await frame;
  t.same(frames, ["early"]);
  channel.destroy();
});

t.test("a frame over the limit closes the channel", async (t) => {
  const { closed } = await connected(t, (socket) => socket.write(encodeFrame(new Uint8Array(1001))));
  t.has(await closed, { code: "badFrame" });
});

t.test("closing the transport gives up a connection that is being made", async (t) => {
  const sockets: Socket[] = [];
  const transports: TlsTransport[] = [];
  const silent = createServer((socket) => {
    sockets.push(socket);
    for (const transport of transports) transport.close();
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const { port } = silent.address() as AddressInfo;
  const transport = new TlsTransport(trustIn(port).trust, { ...options, timeoutMs: 60_000 });
  transports.push(transport);
  await t.rejects(transport.connect({ host: "127.0.0.1", port }, recorder().handlers), {
    code: "unreachable",
  });
});
