/** What the OPAQUE library alone reaches, on as many threads as the balancer has for it. */
import { client as opaque, server } from "@serenity-kit/opaque";
import { Piscina } from "piscina";
import { parseUserName } from "../../src/protocol/ids.js";
import { PASSWORD } from "../service/sign-up.js";
import type { AloneAnswer, AloneTask } from "./alone-task.js";
import { finishLogin, identifiersOf, prepareLogin, STRETCHING } from "./person.js";
import type { RoundOfLogins } from "./through-service.js";

export class OpaqueAlone {
  readonly #name = parseUserName("somebody") ?? fail();
  readonly #setup = server.createSetup();
  readonly #record: string;
  readonly #pool: Piscina<AloneTask, AloneAnswer>;

  constructor(private readonly threads: number) {
    this.#record = this.#register();
    this.#pool = new Piscina({
      filename: new URL("./alone-task.js", import.meta.url).href,
      name: "runAlone",
      minThreads: threads,
      maxThreads: threads,
      atomics: "disabled",
    });
  }

  async round(logins: number): Promise<RoundOfLogins> {
    const people = Array.from({ length: logins }, () => prepareLogin(this.#name));
    const cpuBefore = process.cpuUsage();
    const began = performance.now();
    const answers = await this.#inShares(people, (share) => ({
      type: "start",
      setup: this.#setup,
      name: this.#name,
      record: this.#record,
      requests: share.map(({ request }) => request),
    }));
    const started = performance.now();
    const startCpu = process.cpuUsage(cpuBefore);
    const given = answers.flatMap((answer) => (answer.type === "started" ? answer.answers : []));
    const proofs = given.map(({ state, response }, index) => ({
      state,
      request: finishLogin(people[index] ?? fail(), response),
    }));
    const cpuBetween = process.cpuUsage();
    const computed = performance.now();
    await this.#inShares(proofs, (share) => ({ type: "finish", name: this.#name, proofs: share }));
    const finished = performance.now();
    const finishCpu = process.cpuUsage(cpuBetween);
    return {
      logins,
      startMs: started - began,
      finishMs: finished - computed,
      cpuMs: (startCpu.user + startCpu.system + finishCpu.user + finishCpu.system) / 1000,
      clientMs: computed - started,
    };
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  #inShares<T>(all: readonly T[], task: (share: readonly T[]) => AloneTask): Promise<AloneAnswer[]> {
    const size = Math.ceil(all.length / this.threads);
    const shares = Array.from({ length: this.threads }, (_, at) => all.slice(at * size, (at + 1) * size));
    return Promise.all(shares.map((share) => this.#pool.run(task(share))));
  }

  #register(): string {
    const { clientRegistrationState, registrationRequest } = opaque.startRegistration({ password: PASSWORD });
    const { registrationResponse } = server.createRegistrationResponse({
      serverSetup: this.#setup,
      userIdentifier: this.#name,
      registrationRequest,
    });
    return opaque.finishRegistration({
      password: PASSWORD,
      clientRegistrationState,
      registrationResponse,
      identifiers: identifiersOf(this.#name),
      keyStretching: STRETCHING,
    }).registrationRecord;
  }
}

function fail(): never {
  throw new Error("the OPAQUE library answered less than was asked");
}
