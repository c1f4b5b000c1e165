import { client, ready, server } from "@serenity-kit/opaque";
import t from "tap";
import { parseUserName } from "../../src/protocol/ids.js";
import { openOpaquePool } from "../../src/lb/opaque-pool.js";
import { known } from "./loads.js";

await ready;
const setup = server.createSetup();
const alice = known(parseUserName("alice"));
const identifiers = { client: "alice", server: "fastchat" };
const keyStretching = { "argon2id-custom": { iterations: 1, memory: 8, parallelism: 1 } };
const pool = await openOpaquePool({ setup, threads: 1, maxQueue: 16 });
t.teardown(() => pool.close());

async function register(password: string): Promise<string> {
  const { clientRegistrationState, registrationRequest } = client.startRegistration({ password });
  const registrationResponse = await pool.register(alice, registrationRequest);
  return client.finishRegistration({
    password,
    clientRegistrationState,
    registrationResponse,
    identifiers,
    keyStretching,
  }).registrationRecord;
}

t.test("who knows the password logs in with the library of the other side", async (t) => {
  const password = "correct horse";
  const record = await register(password);
  t.ok(await pool.isRecord(alice, record));
  const { clientLoginState, startLoginRequest } = client.startLogin({ password });
  const { state, response } = await pool.startLogin(alice, record, startLoginRequest);
  const finished = client.finishLogin({
    password,
    clientLoginState,
    loginResponse: response,
    identifiers,
    keyStretching,
  });
  t.ok(await pool.finishLogin(alice, state, finished?.finishLoginRequest ?? ""));
});

t.test("a record is bound to its name: under another it answers as to a wrong password", async (t) => {
  const password = "correct horse";
  const record = await register(password);
  const mallory = known(parseUserName("mallory"));
  const { clientLoginState, startLoginRequest } = client.startLogin({ password });
  const { response } = await pool.startLogin(mallory, record, startLoginRequest);
  for (const name of ["alice", "mallory"]) {
    const finished = client.finishLogin({
      password,
      clientLoginState,
      loginResponse: response,
      identifiers: { client: name, server: "fastchat" },
      keyStretching,
    });
    t.equal(finished, undefined);
  }
});

t.test("the decoy answers like a record, and nothing finishes it", async (t) => {
  const password = "correct horse";
  const record = await register(password);
  t.equal(pool.decoy.length, record.length);
  const { clientLoginState, startLoginRequest } = client.startLogin({ password });
  const decoyed = await pool.startLogin(alice, pool.decoy, startLoginRequest);
  const found = await pool.startLogin(alice, record, startLoginRequest);
  t.equal(decoyed.response.length, found.response.length);
  t.equal(decoyed.state.length, found.state.length);
  t.equal(
    decoyed.response.slice(0, 42),
    found.response.slice(0, 42),
    "the evaluation belongs to the name alone",
  );
  t.not(
    decoyed.response.slice(43),
    (await pool.startLogin(alice, pool.decoy, startLoginRequest)).response.slice(43),
  );
  const loginResponse = decoyed.response;
  t.equal(
    client.finishLogin({ password, clientLoginState, loginResponse, identifiers, keyStretching }),
    undefined,
  );
  t.notOk(await pool.finishLogin(alice, decoyed.state, Buffer.alloc(64, 1).toString("base64url")));
});

t.test("what is no message of OPAQUE is refused, not a defect", async (t) => {
  const garbage = Buffer.alloc(96, 1).toString("base64url");
  await t.rejects(pool.register(alice, garbage), { code: "badRequest" });
  await t.rejects(pool.startLogin(alice, pool.decoy, garbage), { code: "badRequest" });
  t.notOk(await pool.isRecord(alice, garbage));
  t.notOk(await pool.finishLogin(alice, garbage, garbage));
});

t.test("more than may wait is told to come back", async (t) => {
  const { registrationRequest } = client.startRegistration({ password: "x" });
  const answers = await Promise.allSettled(
    Array.from({ length: 40 }, () => pool.register(alice, registrationRequest)),
  );
  const refused = answers.filter((answer) => answer.status === "rejected");
  t.ok(refused.length > 0 && refused.length < 40);
  t.ok(refused.every(({ reason }) => (reason as { code: string }).code === "unavailable"));
});

t.test("a damaged secret is found at the start", async (t) => {
  await t.rejects(openOpaquePool({ setup: "AAAA", threads: 1, maxQueue: 16 }), { code: "badConfig" });
});
