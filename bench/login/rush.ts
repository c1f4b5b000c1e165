/** What a placement takes while hundreds of people log in at once, each on a connection of their own; several times over. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { ServiceAddress } from "../../src/protocol/address.js";
import { PATHS } from "../../src/protocol/http.js";
import type { UserName } from "../../src/protocol/ids.js";
import { Times, type Percentiles } from "../percentiles.js";
import { HttpsLine } from "./https-line.js";
import { finishBody, finishLogin, prepareLogin, startBody, type PreparedLogin } from "./person.js";
import type { FromPlacements, PlacementThreadData, ToPlacements } from "./placement-thread.js";
import { startedOf } from "./through-service.js";

export interface Rush {
  readonly people: number;
  readonly rushes: number;
  /** Until the last one was in, in milliseconds: the average of all rushes. */
  readonly ms: number;
  /** Placements in the times of all rushes. */
  readonly placements: number;
  readonly latency: Percentiles;
}

/** Placements asked for without end. */
export class Placements {
  readonly #thread: Worker;
  #failure: string | null = null;

  private constructor(data: PlacementThreadData) {
    this.#thread = new Worker(new URL("./placement-thread.js", import.meta.url), { workerData: data });
    this.#thread.on("message", (message: FromPlacements) => {
      if (message.type === "failed") this.#failure ??= message.reason;
    });
  }

  static async start(data: PlacementThreadData): Promise<Placements> {
    const placements = new Placements(data);
    await placements.#told("ready");
    return placements;
  }

  /** How long those since the last time took, in milliseconds. @throws Error where one failed */
  async times(): Promise<readonly number[]> {
    const told = this.#told("figures");
    this.#thread.postMessage({ type: "tell" } satisfies ToPlacements);
    const { times } = await told;
    if (this.#failure !== null) throw new Error(this.#failure);
    return times;
  }

  async stop(): Promise<void> {
    const ended = once(this.#thread, "exit");
    this.#thread.postMessage({ type: "stop" } satisfies ToPlacements);
    await ended;
  }

  #told<T extends FromPlacements["type"]>(type: T): Promise<Extract<FromPlacements, { type: T }>> {
    return new Promise((resolve, reject) => {
      this.#thread.once("error", reject);
      const listen = (message: FromPlacements): void => {
        if (message.type !== type) return;
        this.#thread.off("message", listen);
        this.#thread.off("error", reject);
        resolve(message as Extract<FromPlacements, { type: T }>);
      };
      this.#thread.on("message", listen);
    });
  }
}

/** Between two rushes, in milliseconds: what the one has left to do must not fall into the other. */
const PAUSE_MS = 1500;

/**
 * In each rush all begin at the same moment, and each goes on as soon as they are answered.
 *
 * @throws Error where one of them is refused
 */
export async function rush(
  address: ServiceAddress,
  names: readonly UserName[],
  rushes: number,
  placements: Placements,
): Promise<Rush> {
  const latency = new Times();
  let ms = 0;
  for (let count = 0; count < rushes; count++) {
    const people = names.map(prepareLogin);
    await pause(PAUSE_MS);
    await placements.times();
    const began = performance.now();
    await Promise.all(people.map((person) => logIn(address, person)));
    ms += performance.now() - began;
    for (const time of await placements.times()) latency.recordMs(time);
  }
  return {
    people: names.length,
    rushes,
    ms: ms / rushes,
    placements: latency.count,
    latency: latency.percentiles(),
  };
}

async function logIn(address: ServiceAddress, person: PreparedLogin): Promise<void> {
  const line = await HttpsLine.open(address);
  const { login, response } = startedOf(await line.ask("POST", PATHS.loginStart, startBody(person)));
  const body = finishBody(login, finishLogin(person, response));
  const { status, text } = await line.ask("POST", PATHS.loginFinish, body);
  line.close();
  if (status !== 200) throw new Error(`a login was refused: ${text}`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
