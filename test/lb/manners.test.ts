/** What strangers may do to the HTTPS server: be slow, be large, use other methods, and be none of HTTP. */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import t from "tap";
import { PATHS } from "../../src/protocol/http.js";
import { startService } from "./service.js";

const service = await startService(t, { limits: { httpBodyBytes: 1024 } });

async function open(port = service.balancer.listening.port): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  return socket;
}

/** What comes back for these bytes until the connection ends. */
async function answerTo(text: string): Promise<string> {
  const socket = await open();
  socket.write(text);
  return readAll(socket);
}

/** A write that meets the other side's hanging up is an error, and no matter: what was answered before counts. */
async function readAll(socket: TLSSocket): Promise<string> {
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  return answer;
}

const POST = `POST ${PATHS.loginStart} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;

for (const [what, head, byte] of [
  ["header", "GET /v1/service HTTP/1.1\r\nhost: x\r\nx-slow: ", "y"],
  ["body", `${POST}content-length: 1000\r\n\r\n`, " "],
  ["body in chunks", `${POST}transfer-encoding: chunked\r\n\r\n`, "1\r\n \r\n"],
] as const) {
  t.test(
    `a ${what} that comes a byte at a time is not waited for: the whole request has its time`,
    async (t) => {
      const { balancer } = await startService(t, { timeouts: { helloMs: 300 } });
      const socket = await open(balancer.listening.port);
      socket.write(head);
      // Never silent for long, so that no limit on silence is what ends it.
      const trickle = setInterval(() => socket.write(byte), 20);
      t.teardown(() => clearInterval(trickle));
      t.match(await readAll(socket), /^HTTP\/1\.1 504 .*"code":"timeout"/s);
    },
  );
}

t.test("a body is taken up to its limit, whether its length is told or not", async (t) => {
  const pad = (bytes: number): string => JSON.stringify({ name: "alice", request: "AAAA" }).padEnd(bytes);
  const fits = await service.ask("POST", PATHS.loginStart, { raw: pad(1024) });
  t.match(fits, { status: 400, body: { message: /OPAQUE/ } }, "it was read");
  const told = await service.ask("POST", PATHS.loginStart, { raw: pad(1025) });
  t.match(told, { status: 413, body: { code: "tooLarge" } });
  const chunk = `401\r\n${pad(1025)}\r\n0\r\n\r\n`;
  t.match(
    await answerTo(`${POST}connection: close\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`),
    /^HTTP\/1\.1 413 .*"code":"tooLarge"/s,
  );
  t.match(
    await answerTo(`${POST}connection: close\r\ncontent-length: 999999999999\r\n\r\n`),
    /^HTTP\/1\.1 413 /,
    "before any of it comes",
  );
});

t.test("other methods than those of the API are refused, with the same headers as everything", async (t) => {
  for (const method of ["PUT", "PATCH", "OPTIONS", "DELETE", "TRACE", "SEARCH"]) {
    const reply = await service.ask(method, PATHS.service);
    t.match(reply, { status: 400, body: { code: "badRequest" } }, method);
    t.equal(reply.headers["x-content-type-options"], "nosniff");
    t.equal(reply.headers["access-control-allow-origin"], undefined, "no page of others may read answers");
  }
  t.match(await service.ask("GET", PATHS.loginStart), { status: 400, body: { message: /no GET/ } });
  t.match(
    await answerTo(`HEAD ${PATHS.service} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`),
    /^HTTP\/1\.1 200 .*\r\n\r\n$/s,
  );
});

t.test("nobody gets through to elsewhere, and no other protocol is taken up", async (t) => {
  t.equal(await answerTo("CONNECT example.org:443 HTTP/1.1\r\nhost: example.org\r\n\r\n"), "", "hung up");
  const upgrade = `GET ${PATHS.service} HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n`;
  t.match(await answerTo(upgrade), /^HTTP\/1\.1 200 /, "as if nothing had been asked");
  t.match(await answerTo("BREW /v1/service HTTP/1.1\r\nhost: x\r\n\r\n"), /^HTTP\/1\.1 400 .*not HTTP/s);
});

t.test("a request whose end can be read in two ways is not read", async (t) => {
  for (const lengths of [
    "content-length: 2\r\ntransfer-encoding: chunked",
    "content-length: 2\r\ncontent-length: 3",
    "content-length: +2",
    "transfer-encoding: chunked, identity",
  ]) {
    t.match(await answerTo(`${POST}${lengths}\r\n\r\n{}`), /^HTTP\/1\.1 400 .*connection: close/s, lengths);
  }
});
