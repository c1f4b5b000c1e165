/** The service's steps of OPAQUE (RFC 9807) as tasks of a thread pool: each takes about a millisecond of CPU. */
import { randomBytes } from "node:crypto";
import { client, ready, server } from "@serenity-kit/opaque";

/** `setup` is the service's lasting secret and key pair, as the library spells it; `name` a folded user name. */
export type OpaqueTask =
  | { readonly type: "decoy"; readonly setup: string }
  | { readonly type: "register"; readonly setup: string; readonly name: string; readonly request: string }
  | { readonly type: "checkRecord"; readonly setup: string; readonly name: string; readonly record: string }
  | {
      readonly type: "startLogin";
      readonly setup: string;
      readonly name: string;
      readonly record: string;
      readonly request: string;
    }
  | { readonly type: "finishLogin"; readonly name: string; readonly state: string; readonly request: string };

export type OpaqueAnswer =
  | { readonly type: "done"; readonly text: string }
  | { readonly type: "started"; readonly state: string; readonly response: string }
  /** A message that is none, or proof of a wrong password. The library's text says which value, and quotes none. */
  | { readonly type: "refused"; readonly reason: string };

/** The service's name within OPAQUE. It is bound to every record: it must never change. */
const SERVER_IDENTIFIER = "fastchat";

// A thread counts as started once this is done, so that no login waits for the library.
await ready;

export function runOpaqueTask(task: OpaqueTask): OpaqueAnswer {
  try {
    return step(task);
  } catch (error) {
    return { type: "refused", reason: error instanceof Error ? error.message : String(error) };
  }
}

function step(task: OpaqueTask): OpaqueAnswer {
  switch (task.type) {
    case "decoy":
      return { type: "done", text: decoyRecord(task.setup) };
    case "register": {
      const { registrationResponse } = server.createRegistrationResponse({
        serverSetup: task.setup,
        userIdentifier: task.name,
        registrationRequest: task.request,
      });
      return { type: "done", text: registrationResponse };
    }
    case "checkRecord": {
      // The library has no other way to say whether a record is one. The password is of no account.
      const { startLoginRequest } = client.startLogin({ password: "" });
      startLogin(task.setup, task.name, task.record, startLoginRequest);
      return { type: "done", text: "" };
    }
    case "startLogin":
      return startLogin(task.setup, task.name, task.record, task.request);
    case "finishLogin": {
      server.finishLogin({
        serverLoginState: task.state,
        finishLoginRequest: task.request,
        identifiers: identifiers(task.name),
      });
      // The session key stays here: TLS protects the connection.
      return { type: "done", text: "" };
    }
  }
}

function startLogin(setup: string, name: string, record: string, request: string): OpaqueAnswer {
  const { serverLoginState, loginResponse } = server.startLogin({
    serverSetup: setup,
    userIdentifier: name,
    registrationRecord: record,
    startLoginRequest: request,
    identifiers: identifiers(name),
  });
  return { type: "started", state: serverLoginState, response: loginResponse };
}

/** The record of nobody: its password is known to nobody, from now on. */
function decoyRecord(setup: string): string {
  const password = randomBytes(32).toString("base64url");
  const { clientRegistrationState, registrationRequest } = client.startRegistration({ password });
  const { registrationResponse } = server.createRegistrationResponse({
    serverSetup: setup,
    userIdentifier: SERVER_IDENTIFIER,
    registrationRequest,
  });
  return client.finishRegistration({
    password,
    clientRegistrationState,
    registrationResponse,
    // A password of 256 random bits needs no stretching.
    keyStretching: { "argon2id-custom": { iterations: 1, memory: 8, parallelism: 1 } },
  }).registrationRecord;
}

function identifiers(name: string): { client: string; server: string } {
  return { client: name, server: SERVER_IDENTIFIER };
}
