/** Secrets that are planted wherever a request can hold one, and must not stand in the log, at whatever level. */
import { randomBytes } from "node:crypto";
import t from "tap";
import { toBase64Url } from "../../src/protocol/bytes.js";
import { PATHS, type Placement } from "../../src/protocol/http.js";
import { OPERATOR_PATHS } from "../../src/protocol/operator.js";
import { entry } from "./loads.js";
import { OPERATOR_TOKEN, beginLogin, logIn, signUp, startService } from "./service.js";

const operator = toBase64Url(OPERATOR_TOKEN);
const canary = (): string => toBase64Url(randomBytes(32));

t.test("no token, password, ticket or name comes into the log", async (t) => {
  const service = await startService(t);
  service.addServer(entry(1));
  service.balancer.setArchive({ host: "127.0.0.1", port: 7441 });
  const password = canary();
  const stranger = canary();
  const { token: session } = await signUp(service, "canary.name", password);
  await logIn(service, "canary.name", password);
  await logIn(service, "canary.name", canary());
  const { started, login, proof } = await beginLogin(service, "canary.name", password);
  const placed = await service.ask("POST", PATHS.place, { token: session, body: {} });
  const { ticket } = placed.body as Placement;
  const voucher = await service.ask("POST", PATHS.voucher, { token: session, body: {} });

  // Where they do not belong: refused requests are logged at a level that people read.
  await service.ask("GET", PATHS.vault, { token: stranger });
  await service.ask("GET", `${PATHS.vault}?token=${stranger}`);
  await service.ask("GET", `/${stranger}`);
  await service.ask("GET", PATHS.cardOf("canary.name"), { token: session });
  await service.ask("GET", PATHS.cardOf("canary.name"), { token: stranger });
  await service.ask("POST", PATHS.loginFinish, { body: { login: stranger, request: stranger, device: 7 } });
  await service.ask("POST", PATHS.loginStart, { raw: `{"password":"${stranger}"` });
  await service.ask("POST", PATHS.loginStart, { body: { name: stranger, request: password } });
  await service.ask("GET", OPERATOR_PATHS.status, { token: operator });
  await service.ask("GET", OPERATOR_PATHS.status, { token: stranger });
  await service.ask("GET", OPERATOR_PATHS.status, {
    headers: { authorization: `Basic ${stranger}`, cookie: `token=${stranger}`, "x-request-id": stranger },
  });
  await service.ask("POST", OPERATOR_PATHS.drain(stranger), { token: operator, body: {} });
  await service.ask("POST", OPERATOR_PATHS.scale, {
    token: operator,
    body: { servers: "x", token: stranger },
  });

  const log = service.log.join("\n");
  t.ok(service.log.length > 15, "something was logged");
  const secrets = {
    password,
    session,
    stranger,
    operator,
    ticket,
    login,
    proof: proof ?? "",
    response: (started.body as { response: string }).response,
    voucher: (voucher.body as { voucher: string }).voucher,
    name: "canary.name",
  };
  for (const [what, secret] of Object.entries(secrets)) {
    t.ok(secret.length >= 11, what);
    t.notOk(log.includes(secret), what);
    t.notOk(log.includes(secret.slice(0, 24)), `the beginning of ${what}`);
  }
});
