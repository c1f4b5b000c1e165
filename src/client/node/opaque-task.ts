/** The worker's half of opaque.ts: the steps of OPAQUE (RFC 9807) that run in a thread of their own. */
import { client, ready } from "@serenity-kit/opaque";
import type { Stretching } from "../../protocol/http.js";

export interface FinishInput {
  readonly name: string;
  readonly password: string;
  readonly state: string;
  readonly response: string;
  readonly stretching: Stretching;
}

export type OpaqueTask =
  | { readonly type: "startRegistration"; readonly password: string }
  | ({ readonly type: "finishRegistration" } & FinishInput)
  | { readonly type: "startLogin"; readonly password: string }
  | ({ readonly type: "finishLogin" } & FinishInput);

export type OpaqueAnswer =
  | { readonly type: "started"; readonly state: string; readonly request: string }
  /** `message` is the record of a registration or the last message of a login. */
  | { readonly type: "finished"; readonly message: string; readonly exportKey: string }
  | { readonly type: "wrongPassword" }
  /** The service's message could not be read, or the hash could not be computed. */
  | { readonly type: "failed"; readonly reason: string };

/** The service's name within OPAQUE. It is bound to every record: it must never change. */
const SERVER_IDENTIFIER = "fastchat";

export async function runOpaqueTask(task: OpaqueTask): Promise<OpaqueAnswer> {
  await ready;
  try {
    return step(task);
  } catch (error) {
    // The library's errors carry a text only, and nothing secret.
    return { type: "failed", reason: error instanceof Error ? error.message : String(error) };
  }
}

function step(task: OpaqueTask): OpaqueAnswer {
  switch (task.type) {
    case "startRegistration": {
      const { clientRegistrationState, registrationRequest } = client.startRegistration({
        password: task.password,
      });
      return { type: "started", state: clientRegistrationState, request: registrationRequest };
    }
    case "finishRegistration": {
      const { registrationRecord, exportKey } = client.finishRegistration({
        ...common(task),
        clientRegistrationState: task.state,
        registrationResponse: task.response,
      });
      return { type: "finished", message: registrationRecord, exportKey };
    }
    case "startLogin": {
      const { clientLoginState, startLoginRequest } = client.startLogin({ password: task.password });
      return { type: "started", state: clientLoginState, request: startLoginRequest };
    }
    case "finishLogin": {
      const finished = client.finishLogin({
        ...common(task),
        clientLoginState: task.state,
        loginResponse: task.response,
      });
      if (finished === undefined) return { type: "wrongPassword" };
      return { type: "finished", message: finished.finishLoginRequest, exportKey: finished.exportKey };
    }
  }
}

function common({ name, password, stretching }: FinishInput) {
  const { iterations, memoryKiB, parallelism } = stretching;
  return {
    password,
    identifiers: { client: name, server: SERVER_IDENTIFIER },
    keyStretching: { "argon2id-custom": { iterations, memory: memoryKiB, parallelism } },
  };
}
