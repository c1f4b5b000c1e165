import { once } from "node:events";
import { connect as connectPlain } from "node:net";
import { connect } from "node:tls";
import t from "tap";
import { VirtualClock } from "../../bench/simulation/virtual-clock.js";
import { PATHS, type HttpError } from "../../src/protocol/http.js";
import { StoreError, type Database } from "../../src/store/database.js";
import { signUp, startService } from "./service.js";

const service = await startService(t);

/** Sends bytes that are no HTTP client's, and answers what comes back until the connection ends. */
async function raw(
  port: number,
  text: string,
  maxVersion: "TLSv1.2" | "TLSv1.3" = "TLSv1.3",
): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, maxVersion });
  await once(socket, "secureConnect");
  socket.write(text);
  let answer = "";
  for await (const chunk of socket as AsyncIterable<Buffer>) answer += chunk.toString();
  return answer;
}

t.test("anyone may know what service this is", async (t) => {
  t.match(await service.ask("GET", PATHS.service), {
    status: 200,
    body: { protocol: 1, version: /^\d+\.\d+\.\d+/, minimumStretching: { iterations: 1, memoryKiB: 8 } },
  });
});

t.test("answers are not cached, framed or sniffed, and name their request", async (t) => {
  const { headers } = await service.ask("GET", PATHS.service);
  t.match(headers, {
    "cache-control": "no-store",
    "content-security-policy": /default-src 'none'/,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
  });
  const id = headers["x-request-id"];
  const forged = await service.ask("GET", PATHS.service, {
    headers: { "x-request-id": "forged", "request-id": "f" },
  });
  t.not(forged.headers["x-request-id"], id);
  t.ok(service.log.some((line) => (JSON.parse(line) as { request?: string }).request === id));
  t.notOk(service.log.some((line) => line.includes("forged")));
});

t.test("the OpenAPI document has every route with its schemas", async (t) => {
  const { status, body } = await service.ask("GET", "/v1/openapi.json");
  t.equal(status, 200);
  const { paths, openapi } = body as { openapi: string; paths: Record<string, Record<string, object>> };
  t.match(openapi, /^3\.1/);
  t.same(
    Object.entries(paths)
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`))
      .sort(),
    [
      "delete /v1/operator/invites/{invite}",
      "get /healthz",
      "get /metrics",
      "get /readyz",
      "get /v1/archive",
      "get /v1/cards/{name}",
      "get /v1/checkpoint",
      "get /v1/devices",
      "get /v1/operator/invites",
      "get /v1/operator/load",
      "get /v1/operator/rebalance",
      "get /v1/operator/status",
      "get /v1/operator/users",
      "get /v1/service",
      "get /v1/vault",
      "post /v1/archive/voucher",
      "post /v1/cards",
      "post /v1/checkpoint",
      "post /v1/files/voucher",
      "post /v1/login/finish",
      "post /v1/login/start",
      "post /v1/logout",
      "post /v1/operator/invites",
      "post /v1/operator/rebalance",
      "post /v1/operator/scale",
      "post /v1/operator/servers/{server}/drain",
      "post /v1/operator/servers/{server}/resume",
      "post /v1/operator/users/{name}/lift",
      "post /v1/operator/users/{name}/suspend",
      "post /v1/place",
      "post /v1/register/finish",
      "post /v1/register/start",
    ],
  );
  t.match(paths["/v1/login/start"]?.["post"], {
    requestBody: { content: { "application/json": { schema: { required: ["name", "request"] } } } },
    responses: { 200: {}, default: {} },
  });
  t.match(paths["/v1/place"]?.["post"], { security: [{ session: [] }], tags: ["service"] });
  t.match(paths["/metrics"]?.["get"], { security: [{ operator: [] }], tags: ["operators"] });
});

t.test("every failure has a code of ours, its status and no trace", async (t) => {
  const { token } = await signUp(service, "alice");
  const name = "alice";
  const cases = [
    [await service.ask("GET", "/v1/nothing"), "badRequest"],
    [await service.ask("DELETE", PATHS.vault, { token }), "badRequest"],
    [await service.ask("GET", "/%zz"), "badRequest"],
    [await service.ask("POST", PATHS.loginStart, { raw: "{" }), "badRequest"],
    [await service.ask("POST", PATHS.loginStart, { raw: "" }), "badRequest"],
    [await service.ask("POST", PATHS.loginStart, { raw: '{"__proto__": 1}' }), "badRequest"],
    [await service.ask("POST", PATHS.loginStart), "badRequest"],
    [await service.ask("POST", PATHS.loginStart, { body: [] }), "badRequest"],
    [await service.ask("POST", PATHS.loginStart, { body: { name } }), "badRequest"],
    [
      await service.ask("POST", PATHS.loginStart, { raw: "a=b", headers: { "content-type": "text/xml" } }),
      "badRequest",
    ],
    [
      await service.ask("POST", PATHS.loginStart, { body: { name, request: "A".repeat(300_000) } }),
      "tooLarge",
    ],
    [await service.ask("POST", PATHS.loginStart, { body: { name: "A", request: "AAAA" } }), "badName"],
  ] as const;
  for (const [reply, code] of cases) {
    const { status } = reply;
    t.match(reply.body, { code, message: String }, reply.text);
    t.equal(status, { badRequest: 400, tooLarge: 413, badName: 400 }[code]);
    t.same(Object.keys(reply.body as object).sort(), ["code", "message"]);
    t.notMatch(reply.text, /\bat .*:\d+|node_modules|FST_/);
    t.equal(reply.headers["x-content-type-options"], "nosniff");
  }
});

t.test("a schema's complaint names the field", async (t) => {
  const { body } = await service.ask("POST", PATHS.loginStart, { body: { name: "alice", request: "A" } });
  t.match((body as HttpError).message, /^body\.request must /);
});

t.test("what is not HTTP is told so and cut off", async (t) => {
  const { port } = service.balancer.listening;
  const answer = await raw(port, "\x01\x02\x03 garbage\r\n\r\n");
  t.match(
    answer,
    /^HTTP\/1\.1 400 .*connection: close.*\{"code":"badRequest","message":"This is not HTTP\."\}$/s,
  );
  const flood = `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(40_000)}\r\n\r\n`;
  t.match(await raw(port, flood), /^HTTP\/1\.1 413 .*"code":"tooLarge"/s);
});

t.test("older TLS is refused", async (t) => {
  await t.rejects(raw(service.balancer.listening.port, "", "TLSv1.2"));
});

t.test("a request that does not come whole in time is cut off", async (t) => {
  const { balancer } = await startService(t, { timeouts: { helloMs: 100 } });
  const half = `POST ${PATHS.loginStart} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{`;
  t.match(await raw(balancer.listening.port, half), /^HTTP\/1\.1 504 .*"code":"timeout"/s);
});

t.test("who was refused and does not close its side is cut off", async (t) => {
  const { balancer, clock } = await startService(t, { timeouts: { helloMs: 100 } });
  const { host, port } = balancer.listening;
  const socket = connectPlain({ host, port, allowHalfOpen: true });
  const stubborn = connect({ socket, rejectUnauthorized: false });
  await once(stubborn, "secureConnect");
  stubborn.on("error", () => undefined).resume();
  stubborn.write("GET / HTTP/1.1\r\nx: ");
  await once(stubborn, "end");
  t.notOk(stubborn.closed);
  const trickle = setInterval(() => stubborn.write("y"), 10);
  t.teardown(() => clearInterval(trickle));
  const closed = new Promise((resolve) => stubborn.once("close", resolve));
  clock.advance(2000);
  await closed;
});

t.test("a handshake that does not end is cut off", async (t) => {
  const { balancer } = await startService(t, { timeouts: { helloMs: 100 } });
  const silent = connectPlain({ ...balancer.listening, allowHalfOpen: true });
  silent.on("error", () => undefined).resume();
  await once(silent, "end");
  t.pass();
});

t.test("closing waits for nobody: neither idle connections nor half a handshake keep it open", async (t) => {
  const closing = await startService(t);
  const { balancer, clock } = closing;
  await closing.ask("GET", PATHS.service);
  const { host, port } = balancer.listening;
  const silent = connectPlain({ host, port });
  await once(silent, "connect");
  const half = connect({ host, port, rejectUnauthorized: false });
  await once(half, "secureConnect");
  half.write("GET / HTTP/1.1\r\n");
  // Its first bytes were read once a request that came later is answered.
  await closing.ask("GET", PATHS.service);
  const ends = [once(silent, "close"), once(half, "close")];
  for (const socket of [silent, half]) socket.on("error", () => undefined);
  const closed = balancer.close();
  // Well before the supervisor would end its thread.
  clock.advance(400);
  await Promise.all([closed, ...ends]);
  await t.rejects(closing.ask("GET", PATHS.service));
});

t.test("an address that asks too often is told when to come back", async (t) => {
  const strict = await startService(t, {
    limits: { requestsPerMinutePerAddress: 3, loginsPerMinutePerAddress: 2 },
  });
  const refused = {
    status: 429,
    headers: { "retry-after": /^\d+$/ },
    body: { code: "tooMany", retryAfterMs: Number },
  };
  for (let i = 0; i < 3; i++) t.equal((await strict.ask("GET", PATHS.service)).status, 200);
  t.match(await strict.ask("GET", PATHS.service), refused);
  t.match(await strict.ask("GET", "/v1/unknown"), refused, "asking for what is not there counts, too");
  const login = (name: string) => strict.ask("POST", PATHS.loginStart, { body: { name, request: "AAAA" } });
  for (const name of ["one", "two"]) t.equal((await login(name)).status, 400);
  t.match(await login("three"), refused, "logins have a limit of their own");
});

t.test("one name is not tried too often, by sign-up as little as by login", async (t) => {
  const strict = await startService(t, { limits: { loginsPerMinutePerAccount: 2 } });
  const ask = (path: string, name: string) => strict.ask("POST", path, { body: { name, request: "AAAA" } });
  t.equal((await ask(PATHS.loginStart, "alice")).status, 400);
  t.equal((await ask(PATHS.registerStart, "alice")).status, 400);
  for (const path of [PATHS.loginStart, PATHS.registerStart]) {
    t.match(await ask(path, "alice"), {
      status: 429,
      headers: { "retry-after": /^\d+$/ },
      body: { code: "tooMany" },
    });
  }
  t.equal((await ask(PATHS.loginStart, "bob")).status, 400, "another name is not held up");
});

t.test("a stranger who tries a name too often does not keep its owner out", async (t) => {
  const limits = { loginsPerMinutePerAccountAndAddress: 2, loginsPerMinutePerAccount: 4 };
  const strict = await startService(t, { limits });
  const tryFrom = async (from: string): Promise<number> => {
    const body = { name: "alice", request: "AAAA" };
    return (await strict.ask("POST", PATHS.loginStart, { body, from })).status;
  };
  const tries: number[] = [];
  for (let i = 0; i < 5; i++) tries.push(await tryFrom("127.0.0.2"));
  t.same(tries, [400, 400, 429, 429, 429]);
  t.equal(await tryFrom("127.0.0.1"), 400, "the owner, from elsewhere");
  t.equal(await tryFrom("127.0.0.3"), 400);
  t.equal(await tryFrom("127.0.0.4"), 429, "from everywhere together there is a limit as well");
});

t.test("a database that is away is said to be, and no more than that", async (t) => {
  let away = false;
  const failing: Database = {
    query(statement) {
      if (!away) return service.db.query(statement);
      throw new StoreError("retry", "ECONNREFUSED", undefined, "database: connect ECONNREFUSED /secret/path");
    },
    transaction: (work) => service.db.transaction(work),
    batch: (statements) => service.db.batch(statements),
    close: () => Promise.resolve(),
  };
  const broken = await startService(t, { db: failing });
  const { token } = await signUp(broken, "carol");
  away = true;
  const reply = await broken.ask("GET", PATHS.vault, { token });
  t.match(reply, { status: 503, headers: { "retry-after": "1" }, body: { code: "unavailable" } });
  t.notMatch(reply.text, /secret|ECONNREFUSED/);
  t.ok(
    broken.log.some((line) => line.includes("ECONNREFUSED")),
    "the log has the reason",
  );
});

t.test("a port in use and a host that is none are said to be", async (t) => {
  const options = (host: string, port: number) => startService(t, { listen: { host, port } });
  await t.rejects(options("127.0.0.1", service.balancer.listening.port), {
    code: "portInUse",
    message: new RegExp(`Port ${service.balancer.listening.port} on 127.0.0.1 is in use`),
  });
  await t.rejects(options("203.0.113.1", 0), {
    code: "badConfig",
    message: /Cannot listen on 203\.0\.113\.1/,
  });
});

t.test("a balancer that cannot start leaves no timer behind", async (t) => {
  const clock = new VirtualClock();
  await t.rejects(startService(t, { clock, tls: { cert: "none", key: "none" } }));
  t.equal(clock.nextAt, null);
});
