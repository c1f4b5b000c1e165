/** The log says what operators had the service do, and nothing of those who are none. */
import t from "tap";
import { toBase64Url } from "../../../src/protocol/bytes.js";
import { PATHS } from "../../../src/protocol/http.js";
import { OPERATOR_PATHS } from "../../../src/protocol/operator.js";
import { OPERATOR_TOKEN, startService, type Reply, type Service } from "../service.js";

const token = toBase64Url(OPERATOR_TOKEN);

function orders({ log }: Service): Record<string, unknown>[] {
  return log
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg }) => String(msg).startsWith("an operator's order"));
}

t.test("every order is logged at info, with its route, what it names and how it ended", async (t) => {
  const service = await startService(t);
  const scaled = service.ask("POST", OPERATOR_PATHS.scale, { token, body: { servers: 8 } });
  while (service.asked.length === 0) await new Promise(setImmediate);
  const [order] = service.asked;
  if (order?.type !== "order") throw new Error("no order came");
  service.balancer.fleet.ordered(order.ref, null);
  t.equal((await scaled).status, 200);

  const drained = service.ask("POST", OPERATOR_PATHS.drain("chat-9"), { token, body: {} });
  while (service.asked.length === 1) await new Promise(setImmediate);
  const second = service.asked[1];
  if (second?.type !== "order") throw new Error("no order came");
  service.balancer.fleet.ordered(second.ref, { code: "noSuchServer", message: "There is none." });
  t.equal((await drained).status, 404);

  // A request is logged once its answer is written, which may arrive first.
  while (orders(service).length < 2) await new Promise(setImmediate);
  t.match(orders(service), [
    { level: "info", route: OPERATOR_PATHS.scale, servers: 8, status: 200, msg: "an operator's order" },
    {
      level: "info",
      route: "/v1/operator/servers/:server/drain",
      server: "chat-9",
      status: 404,
      msg: "an operator's order was refused",
    },
  ]);
});

t.test("an order is logged once, and who shows no token among all who are refused", async (t) => {
  const service = await startService(t);
  const linesOf = async ({ headers }: Reply): Promise<Record<string, unknown>[]> => {
    // Lines come in the order of the requests that were answered: behind this one all of the other's are there.
    const after = await service.ask("GET", PATHS.service);
    const lines = () => service.log.map((line) => JSON.parse(line) as Record<string, unknown>);
    const isOf = (reply: Reply["headers"]) => (line: Record<string, unknown>) =>
      line["request"] === reply["x-request-id"];
    while (!lines().some(isOf(after.headers))) await new Promise(setImmediate);
    return lines().filter(isOf(headers));
  };
  const refused = await service.ask("POST", OPERATOR_PATHS.scale, { token, body: { servers: 0 } });
  t.match(await linesOf(refused), [{ msg: "an operator's order was refused", status: 400 }]);
  t.match(await linesOf(await service.ask("GET", OPERATOR_PATHS.status, { token })), [{ msg: "answered" }]);
  const stranger = await service.ask("POST", OPERATOR_PATHS.scale, { body: { servers: 8 } });
  t.match(await linesOf(stranger), [{ msg: "refused", status: 401 }]);
});

t.test("looking is no order, and neither is what a stranger asks", async (t) => {
  const service = await startService(t);
  await service.ask("GET", OPERATOR_PATHS.status, { token });
  await service.ask("POST", OPERATOR_PATHS.scale, { body: { servers: 8 } });
  t.same(orders(service), []);
});
