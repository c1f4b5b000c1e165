/** The service's steps of OPAQUE and nothing else, as tasks of a thread pool: what the library alone reaches. */
import { ready, server } from "@serenity-kit/opaque";
import { identifiersOf } from "./person.js";

export type AloneTask =
  | {
      readonly type: "start";
      readonly setup: string;
      readonly name: string;
      readonly record: string;
      readonly requests: readonly string[];
    }
  | {
      readonly type: "finish";
      readonly name: string;
      readonly proofs: readonly { readonly state: string; readonly request: string }[];
    };

export type AloneAnswer =
  | {
      readonly type: "started";
      readonly answers: readonly { readonly state: string; readonly response: string }[];
    }
  | { readonly type: "finished" };

await ready;

export function runAlone(task: AloneTask): AloneAnswer {
  const identifiers = identifiersOf(task.name);
  if (task.type === "finish") {
    for (const { state, request } of task.proofs) {
      server.finishLogin({ serverLoginState: state, finishLoginRequest: request, identifiers });
    }
    return { type: "finished" };
  }
  const { setup, name, record } = task;
  const answers = task.requests.map((request) => {
    const { serverLoginState, loginResponse } = server.startLogin({
      serverSetup: setup,
      userIdentifier: name,
      registrationRecord: record,
      startLoginRequest: request,
      identifiers,
    });
    return { state: serverLoginState, response: loginResponse };
  });
  return { type: "started", answers };
}
