import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import t from "tap";
import { connectTls } from "../../../src/client/node/tls-connect.js";
import { trustIn } from "./tls-service.js";

async function listenPlain(t: Tap, accept: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    accept(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

type Tap = typeof t;

t.test("a listener that says nothing is given up after the time allowed", async (t) => {
  const port = await listenPlain(t as unknown as Tap, () => undefined);
  const { trust } = trustIn(port);
  await t.rejects(connectTls({ host: "127.0.0.1", port }, trust, { timeoutMs: 50 }), { code: "timeout" });
});

t.test("a listener that hangs up, and one that does not speak TLS, are unreachable", async (t) => {
  const hangsUp = await listenPlain(t as unknown as Tap, (socket) => socket.destroy());
  const http = await listenPlain(t as unknown as Tap, (socket) =>
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
  );
  for (const port of [hangsUp, http]) {
    const { trust } = trustIn(port);
    const options = { timeoutMs: 5000 };
    await t.rejects(connectTls({ host: "127.0.0.1", port }, trust, options), { code: "unreachable" });
  }
});

t.test("an attempt that is called off ends at once", async (t) => {
  const controller = new AbortController();
  const port = await listenPlain(t as unknown as Tap, () => controller.abort());
  const { trust } = trustIn(port);
  const attempt = connectTls({ host: "127.0.0.1", port }, trust, { timeoutMs: 60_000 }, controller.signal);
  await t.rejects(attempt, { code: "unreachable" });
  const late = connectTls({ host: "127.0.0.1", port }, trust, { timeoutMs: 60_000 }, controller.signal);
  await t.rejects(late, { code: "unreachable" }, "as does one that is called off before it begins");
});
