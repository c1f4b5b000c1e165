/** What operators may ask, nobody else may. */
import { randomBytes } from "node:crypto";
import t from "tap";
import { toBase64Url } from "../../../src/protocol/bytes.js";
import { OPERATOR_PATHS } from "../../../src/protocol/operator.js";
import { OPERATOR_TOKEN, signUp, startService } from "../service.js";

t.test("no operator's route answers without the operator token", async (t) => {
  const service = await startService(t);
  const { token: session } = await signUp(service, "alice");
  const { body } = await service.ask("GET", "/v1/openapi.json");
  const { paths } = body as { paths: Record<string, Record<string, unknown>> };
  const routes = Object.entries(paths)
    .filter(([path]) => path.startsWith("/v1/operator/"))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => ({ path, method })));
  t.ok(routes.length >= 10);
  for (const { path, method } of routes) {
    for (const token of [undefined, session, toBase64Url(randomBytes(32)), "short"]) {
      const asked = { body: {}, ...(token === undefined ? {} : { token }) };
      const reply = await service.ask(
        method.toUpperCase(),
        path.replace("{server}", "chat-1").replace("{name}", "alice").replace("{invite}", "1"),
        asked,
      );
      t.match(reply, { status: 401, body: { code: "notOperator" } }, `${method} ${path}`);
      t.equal(reply.headers["www-authenticate"], "Bearer");
    }
  }
  t.same(service.asked, []);
});

t.test("orders go to the supervisor, and its answer to the operator", async (t) => {
  const service = await startService(t);
  const token = toBase64Url(OPERATOR_TOKEN);
  const order = (path: string, body: object) => service.ask("POST", path, { token, body });
  const answer = async (error: Parameters<typeof service.balancer.fleet.ordered>[1]) => {
    while (service.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [asked] = service.asked.splice(0);
    if (asked?.type !== "order") throw new Error("no order came");
    service.balancer.fleet.ordered(asked.ref, error);
    return asked.order;
  };
  const drained = order(OPERATOR_PATHS.drain("chat-2"), {});
  t.same(await answer(null), { do: "drain", server: "chat-2" });
  t.match(await drained, { status: 200, body: {} });
  const resumed = order(OPERATOR_PATHS.resume("chat-9"), {});
  t.same(await answer({ code: "noSuchServer", message: "There is no chat-9." }), {
    do: "resume",
    server: "chat-9",
  });
  t.match(await resumed, { status: 404, body: { code: "noSuchServer" } });
  const scaled = order(OPERATOR_PATHS.scale, { servers: 5 });
  t.same(await answer(null), { do: "scale", servers: 5 });
  t.match(await scaled, { status: 200 });
  t.match(
    await service.ask("GET", OPERATOR_PATHS.rebalance, { token }),
    { status: 503, body: { code: "unavailable" } },
    "before the supervisor has spoken nobody knows whether one goes on",
  );
  const rebalanced = order(OPERATOR_PATHS.rebalance, {});
  t.same(await answer(null), { do: "rebalance" });
  t.match(await rebalanced, { status: 200 });
  t.match(await order(OPERATOR_PATHS.scale, { servers: 0 }), { status: 400, body: { code: "badRequest" } });
});

t.test("the status has every server with its load, and every other thread", async (t) => {
  const service = await startService(t);
  const thread = { life: "running", restarts: 0, trouble: null } as const;
  service.balancer.fleet.update([
    { id: "chat-1", kind: "chat", duty: "draining", ...thread },
    { id: "chat-2", kind: "chat", duty: "serving", ...thread, life: "resting", restarts: 3 },
    { id: "archive", kind: "archive", duty: "serving", ...thread, trouble: "diskFull" },
  ]);
  const { status, body } = await service.ask("GET", OPERATOR_PATHS.status, {
    token: toBase64Url(OPERATOR_TOKEN),
  });
  t.equal(status, 200);
  t.match(body, {
    strategy: "least-busy",
    servers: [
      { id: "chat-1", state: "draining", connections: 0 },
      { id: "chat-2", state: "down", restarts: 3 },
    ],
    parts: [{ id: "archive", state: "running", trouble: "diskFull" }],
  });
});
