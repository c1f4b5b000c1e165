/** How often one address may ask, and how often a name may be tried: each limit by itself, and what is told beyond it. */
import t from "tap";
import { toBase64Url } from "../../src/protocol/bytes.js";
import { PATHS } from "../../src/protocol/http.js";
import type { Limits } from "../../src/config.js";
import { OPERATOR_PATHS } from "../../src/protocol/operator.js";
import { OPERATOR_TOKEN, startService, type Service } from "./service.js";

/** Far from being reached. */
const WIDE: Partial<Limits> = {
  requestsPerMinutePerAddress: 1000,
  loginsPerMinutePerAddress: 1000,
  registrationsPerMinutePerAddress: 1000,
  loginsPerMinutePerAccount: 1000,
  loginsPerMinutePerAccountAndAddress: 1000,
};
const limited = (t: Parameters<typeof startService>[0], limits: Partial<Limits>): Promise<Service> =>
  startService(t, { limits: { ...WIDE, ...limits } });

/** Bodies that their routes read before they refuse them, for good reason. */
const ASKED: Readonly<Record<string, (name: string) => object>> = {
  [PATHS.registerStart]: (name) => ({ name, request: "AAAA" }),
  [PATHS.loginStart]: (name) => ({ name, request: "AAAA" }),
  [PATHS.loginFinish]: () => ({ login: "A".repeat(22), request: "AAAA", device: "" }),
};
const ask = (service: Service, path: string, name = "alice", from?: string) =>
  service.ask("POST", path, { body: ASKED[path]?.(name) ?? {}, ...(from === undefined ? {} : { from }) });
const refused = {
  status: 429,
  headers: { "retry-after": /^[1-9]\d?$/ },
  body: { code: "tooMany", message: /Wait a little/, retryAfterMs: Number },
};

for (const [limit, paths] of [
  ["registrationsPerMinutePerAddress", [PATHS.registerStart, PATHS.registerFinish]],
  ["loginsPerMinutePerAddress", [PATHS.loginStart, PATHS.loginFinish]],
] as const) {
  for (const path of paths) {
    t.test(`limits.${limit} holds at ${path}, whoever is named, and for one address`, async (t) => {
      const service = await limited(t, { [limit]: 2 });
      for (const name of ["one", "two"]) t.not((await ask(service, path, name)).status, 429);
      t.match(await ask(service, path, "three"), refused);
      t.not((await ask(service, path, "four", "127.0.0.2")).status, 429, "another address");
      t.equal((await service.ask("GET", PATHS.service)).status, 200, "the rest is not held up");
    });
  }
}

t.test("sign-ups and logins are counted apart from each other", async (t) => {
  const service = await limited(t, { registrationsPerMinutePerAddress: 1, loginsPerMinutePerAddress: 1 });
  t.equal((await ask(service, PATHS.registerStart)).status, 400);
  t.equal((await ask(service, PATHS.loginStart)).status, 400);
  t.match(await ask(service, PATHS.registerStart), refused);
  t.match(await ask(service, PATHS.loginStart), refused);
});

for (const limit of ["loginsPerMinutePerAccount", "loginsPerMinutePerAccountAndAddress"] as const) {
  for (const path of [PATHS.loginStart, PATHS.registerStart]) {
    t.test(`limits.${limit} holds at ${path}, for a name that is taken or free`, async (t) => {
      const service = await limited(t, { [limit]: 2 });
      for (let tries = 0; tries < 2; tries++) t.equal((await ask(service, path)).status, 400);
      t.match(await ask(service, path), refused);
      t.equal((await ask(service, path, "bob")).status, 400, "another name");
      const elsewhere = await ask(service, path, "alice", "127.0.0.2");
      t.equal(elsewhere.status, limit === "loginsPerMinutePerAccount" ? 429 : 400, "from another address");
    });
  }
}

t.test("the time that is told is that of the window, and what comes after it is answered", async (t) => {
  const service = await limited(t, { loginsPerMinutePerAddress: 1 });
  await ask(service, PATHS.loginStart);
  const { headers, body } = await ask(service, PATHS.loginStart);
  const { retryAfterMs } = body as { retryAfterMs: number };
  t.ok(retryAfterMs > 0 && retryAfterMs <= 60_000);
  t.equal(Number(headers["retry-after"]), Math.ceil(retryAfterMs / 1000));
});

t.test("who is refused a sign-up for want of an invite is counted all the same", async (t) => {
  const service = await startService(t, {
    registration: "invite",
    limits: { ...WIDE, registrationsPerMinutePerAddress: 3 },
  });
  const guess = () =>
    service.ask("POST", PATHS.registerStart, {
      body: { name: "alice", request: "AAAA", invite: "0".repeat(28) },
    });
  for (let tries = 0; tries < 3; tries++) t.match(await guess(), { body: { code: "badInvite" } });
  t.match(await guess(), refused);
});

t.test(
  "whoever tries operators' tokens is counted among all who ask, and once for each request",
  async (t) => {
    const service = await limited(t, { requestsPerMinutePerAddress: 4 });
    const status = (token: string) => service.ask("GET", OPERATOR_PATHS.status, { token });
    const operator = toBase64Url(OPERATOR_TOKEN);
    for (let tries = 0; tries < 2; tries++) t.equal((await status("wrong")).status, 401);
    for (let asked = 0; asked < 2; asked++) t.equal((await status(operator)).status, 200);
    t.match(await status("wrong"), refused);
    t.match(await status(operator), refused);
  },
);
