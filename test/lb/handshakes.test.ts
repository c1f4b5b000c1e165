import { once } from "node:events";
import { createServer } from "node:https";
import { Socket, type AddressInfo } from "node:net";
import { connect } from "node:tls";
import t from "tap";
import { paceHandshakes } from "../../src/lb/handshakes.js";
import { certificate } from "./service.js";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test("few begin in each turn of the event loop, in the order in which they came", async (t) => {
  const server = createServer();
  server.removeAllListeners("connection");
  const begun: Socket[] = [];
  server.on("connection", (socket: Socket) => begun.push(socket));
  paceHandshakes(server);
  const sockets = Array.from({ length: 10 }, () => new Socket());
  for (const socket of sockets) server.emit("connection", socket);
  t.equal(begun.length, 0);
  const counts: number[] = [];
  for (let turns = 0; turns < 4; turns++) {
    await turn();
    counts.push(begun.length);
  }
  t.same(counts, [4, 8, 10, 10]);
  t.ok(begun.every((socket, at) => socket === sockets[at]));
  server.emit("connection", new Socket());
  await turn();
  t.equal(begun.length, 11, "who comes later begins as well");
});

t.test("who goes away before their turn has none", async (t) => {
  const server = createServer();
  server.removeAllListeners("connection");
  const begun: Socket[] = [];
  server.on("connection", (socket: Socket) => begun.push(socket));
  paceHandshakes(server);
  const sockets = Array.from({ length: 6 }, () => new Socket());
  for (const socket of sockets) server.emit("connection", socket);
  const [, , , , leaving, staying] = sockets;
  leaving?.destroy(new Error("reset by the other side"));
  for (let turns = 0; turns < 3; turns++) await turn();
  t.equal(begun.length, 5);
  t.equal(begun.at(-1), staying);
});

t.test("all of many who come at once are served, whatever they sent while they waited", async (t) => {
  const server = createServer({ cert: certificate.cert, key: certificate.private }, (_request, response) =>
    response.end("hello"),
  );
  paceHandshakes(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const answers = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
      socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
      let answer = "";
      socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
      await once(socket, "close");
      return answer;
    }),
  );
  t.ok(answers.every((answer) => answer.endsWith("hello\r\n0\r\n\r\n") || answer.endsWith("hello")));
});
