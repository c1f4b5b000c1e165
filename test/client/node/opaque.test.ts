import { client, ready, server } from "@serenity-kit/opaque";
import t from "tap";
import { OpaqueWorker } from "../../../src/client/node/opaque.js";

await ready;
const setup = server.createSetup();
const identifiers = { client: "alice", server: "fastchat" };
/** The least that Argon2id takes (RFC 9106, section 3.1). */
const tiny = { algorithm: "argon2id", iterations: 1, memoryKiB: 8, parallelism: 1 } as const;
const worker = new OpaqueWorker();
t.teardown(() => worker.close());

async function register(
  password: string,
  stretching: Parameters<typeof worker.finishLogin>[0]["stretching"] = tiny,
) {
  const { state, request } = await worker.startRegistration(password);
  const { registrationResponse } = server.createRegistrationResponse({
    serverSetup: setup,
    userIdentifier: "alice",
    registrationRequest: request,
  });
  return worker.finishRegistration({
    name: "alice",
    password,
    state,
    response: registrationResponse,
    stretching,
  });
}

async function login(password: string, record: string | null, name = "alice") {
  const { state, request } = await worker.startLogin(password);
  const { loginResponse, serverLoginState } = server.startLogin({
    serverSetup: setup,
    userIdentifier: "alice",
    registrationRecord: record,
    startLoginRequest: request,
    identifiers,
  });
  const finished = await worker.finishLogin({
    name,
    password,
    state,
    response: loginResponse,
    stretching: tiny,
  });
  return { finished, serverLoginState };
}

t.test("who registered logs in with the same password and gets the same export key", async (t) => {
  const { record, exportKey } = await register("correct horse");
  t.equal(exportKey.length, 64);
  const { finished, serverLoginState } = await login("correct horse", record);
  t.same(finished?.exportKey, exportKey);
  t.ok(
    server.finishLogin({ serverLoginState, finishLoginRequest: finished?.request ?? "", identifiers })
      .sessionKey,
  );
});

t.test(
  "what the worker computes is what the library computes with the same parameters and identifiers",
  async (t) => {
    const { record, exportKey } = await register("correct horse");
    const { clientLoginState, startLoginRequest } = client.startLogin({ password: "correct horse" });
    const { loginResponse } = server.startLogin({
      serverSetup: setup,
      userIdentifier: "alice",
      registrationRecord: record,
      startLoginRequest,
      identifiers,
    });
    const finished = client.finishLogin({
      clientLoginState,
      loginResponse,
      password: "correct horse",
      identifiers,
      keyStretching: { "argon2id-custom": { iterations: 1, memory: 8, parallelism: 1 } },
    });
    t.equal(finished?.exportKey, Buffer.from(exportKey).toString("base64url"));
  },
);

t.test("a wrong password, an unknown name and another name all give null", async (t) => {
  const { record } = await register("correct horse");
  t.equal((await login("wrong horse", record)).finished, null);
  t.equal((await login("correct horse", null)).finished, null);
  t.equal((await login("correct horse", record, "mallory")).finished, null);
});

t.test("a service that answers nonsense is told apart from a wrong password", async (t) => {
  const { state } = await worker.startLogin("correct horse");
  const input = { name: "alice", password: "correct horse", state, stretching: tiny };
  for (const response of ["", "AAAA", "not base64!"]) {
    await t.rejects(worker.finishLogin({ ...input, response }), { code: "badFrame" });
    await t.rejects(worker.finishRegistration({ ...input, response }), { code: "badFrame" });
  }
});

t.test("a service cannot make the client hash for hours", async (t) => {
  const greedy = { ...tiny, memoryKiB: 4 * 1024 * 1024 };
  await t.rejects(register("correct horse", greedy), { code: "forbidden" });
  await t.rejects(register("correct horse", { ...tiny, memoryKiB: 1024 * 1024, iterations: 64 }), {
    code: "forbidden",
  });
});

t.test("the event loop turns while the password is hashed", async (t) => {
  let turns = 0;
  let hashing = true;
  const turn = (): void => {
    turns += 1;
    if (hashing) setImmediate(turn);
  };
  const { state, request } = await worker.startRegistration("correct horse");
  const { registrationResponse: response } = server.createRegistrationResponse({
    serverSetup: setup,
    userIdentifier: "alice",
    registrationRequest: request,
  });
  const stretching = { ...tiny, memoryKiB: 8192, iterations: 3 };
  const finishing = worker.finishRegistration({
    name: "alice",
    password: "correct horse",
    state,
    response,
    stretching,
  });
  setImmediate(turn);
  await finishing;
  hashing = false;
  t.ok(turns > 2, "other work had its turn many times before the hash was done");
});
