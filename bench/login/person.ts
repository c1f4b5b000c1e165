/** The client's side of a login, in its three parts: what can be prepared, and what has to wait for an answer. */
import { client as opaque } from "@serenity-kit/opaque";
import type { LoginFinish, LoginStart } from "../../src/protocol/http.js";
import type { UserName } from "../../src/protocol/ids.js";
import { PASSWORD } from "../service/sign-up.js";

/** Light: it is the client's cost, which is not what is measured. */
export const STRETCHING = { "argon2id-custom": { iterations: 1, memory: 8, parallelism: 1 } } as const;
const SERVER = "fastchat";

export interface PreparedLogin {
  readonly name: UserName;
  readonly state: string;
  readonly request: string;
}

export function prepareLogin(name: UserName): PreparedLogin {
  const { clientLoginState, startLoginRequest } = opaque.startLogin({ password: PASSWORD });
  return { name, state: clientLoginState, request: startLoginRequest };
}

export function startBody({ name, request }: PreparedLogin): LoginStart {
  return { name, request };
}

/** @returns the proof that the password is known @throws Error where the answer is not that of the service */
export function finishLogin({ name, state }: PreparedLogin, response: string): string {
  const finished = opaque.finishLogin({
    password: PASSWORD,
    clientLoginState: state,
    loginResponse: response,
    identifiers: identifiersOf(name),
    keyStretching: STRETCHING,
  });
  if (finished === undefined) throw new Error(`${name} could not log in`);
  return finished.finishLoginRequest;
}

export function finishBody(login: string, request: string): LoginFinish {
  return { login, request, device: "bench" };
}

export function identifiersOf(name: string): { client: string; server: string } {
  return { client: name, server: SERVER };
}
