/** Whole logins through a balancer, with the clients' own computing apart: it is done while nothing is measured. */
import { Compile } from "#typebox/compile";
import type { ServiceAddress } from "../../src/protocol/address.js";
import { LoginStarted, PATHS } from "../../src/protocol/http.js";
import type { UserName } from "../../src/protocol/ids.js";
import { HttpsLine, type Answer } from "./https-line.js";
import { finishBody, finishLogin, prepareLogin, startBody } from "./person.js";

/** One round; times are in milliseconds. */
export interface RoundOfLogins {
  readonly logins: number;
  /** From the first request of that step until the last answer. */
  readonly startMs: number;
  readonly finishMs: number;
  /** CPU of the side that is measured, in both steps. */
  readonly cpuMs: number;
  /** What the clients computed in between. */
  readonly clientMs: number;
}

const startedForm = Compile(LoginStarted);

export class Logins {
  private constructor(
    private readonly lines: readonly HttpsLine[],
    private readonly names: readonly UserName[],
  ) {}

  static async open(
    address: ServiceAddress,
    names: readonly UserName[],
    connections: number,
  ): Promise<Logins> {
    const lines = await Promise.all(Array.from({ length: connections }, () => HttpsLine.open(address)));
    return new Logins(lines, names);
  }

  /**
   * Logs so many people in, as many at once as there are connections.
   *
   * @param cpuMs CPU time that the system has used until now
   * @throws Error where one of them is refused
   */
  async round(logins: number, cpuMs: () => Promise<number>): Promise<RoundOfLogins> {
    const people = Array.from({ length: logins }, (_, at) =>
      prepareLogin(this.names[at % this.names.length] as UserName),
    );
    const cpuBefore = await cpuMs();
    const began = performance.now();
    const answers = await this.#each(people, (line, person) =>
      line.ask("POST", PATHS.loginStart, startBody(person)),
    );
    const started = performance.now();
    const bodies = answers.map((answer, at) => {
      const { login, response } = startedOf(answer);
      return finishBody(login, finishLogin(people[at] as (typeof people)[number], response));
    });
    const computed = performance.now();
    const ended = await this.#each(bodies, (line, body) => line.ask("POST", PATHS.loginFinish, body));
    const finished = performance.now();
    const refused = ended.find(({ status }) => status !== 200);
    if (refused !== undefined) throw new Error(`a login was refused: ${refused.text}`);
    return {
      logins,
      startMs: started - began,
      finishMs: finished - computed,
      cpuMs: (await cpuMs()) - cpuBefore,
      clientMs: computed - started,
    };
  }

  close(): void {
    for (const line of this.lines) line.close();
  }

  /** Each connection takes the next one as soon as it has an answer. @returns answers in the order of `all` */
  async #each<T>(all: readonly T[], ask: (line: HttpsLine, one: T) => Promise<Answer>): Promise<Answer[]> {
    const answers: Answer[] = [];
    let next = 0;
    await Promise.all(
      this.lines.map(async (line) => {
        for (let at = next++; at < all.length; at = next++) answers[at] = await ask(line, all[at] as T);
      }),
    );
    return answers;
  }
}

/** @throws Error where the service refused */
export function startedOf({ status, text }: Answer): LoginStarted {
  const answer: unknown = status === 200 ? JSON.parse(text) : null;
  if (!startedForm.Check(answer)) throw new Error(`a login could not be started: ${text}`);
  return answer;
}
