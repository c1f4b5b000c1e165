/** All simulated people of a run, spread over threads. */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import type { ServiceAddress } from "../../src/protocol/address.js";
import { toBase64Url } from "../../src/protocol/bytes.js";
import { FastChatError } from "../../src/protocol/errors.js";
import {
  NO_STATE,
  type CrewFailure,
  type CrewOrder,
  type CrewResult,
  type CrewState,
  type FromCrew,
  type ToCrew,
} from "./crew-messages.js";
import type { LoadPlan } from "./plan.js";
import { togetherSeen, type SeenLoad } from "./traffic.js";

export interface CrewOptions {
  readonly threads: number;
  readonly address: ServiceAddress;
  readonly plan: LoadPlan;
  readonly keys: readonly Uint8Array[];
  readonly prefix: string;
  onProblem(text: string): void;
}

interface CrewThread {
  readonly port: MessagePort;
  readonly result: Promise<CrewResult>;
  state: CrewState;
  seen: Readonly<Record<string, SeenLoad>>;
  /** Who waits for an order to be carried out. */
  readonly waiting: Map<ToCrew["type"], () => void>;
}

export class Crews {
  readonly #pool: Piscina<CrewOrder, CrewResult | CrewFailure>;
  readonly #threads: readonly CrewThread[];
  readonly #failed: Promise<never>;

  constructor(options: CrewOptions) {
    const { threads, address, plan, keys } = options;
    this.#pool = new Piscina({
      filename: new URL("./crew-task.js", import.meta.url).href,
      name: "runCrew",
      minThreads: threads,
      maxThreads: threads,
      // Waiting for tasks by Atomics would freeze the thread's event loop.
      atomics: "disabled",
    });
    // Partners are neighbours in no way: people are dealt out, so that every thread has some of each.
    this.#threads = Array.from({ length: threads }, (_, thread) => {
      const people = plan.people.map(({ number }) => number).filter((number) => number % threads === thread);
      return this.#start(options, {
        service: { ...address, pin: address.pin === null ? null : toBase64Url(address.pin) },
        plan,
        people,
        keys: people.map((number) => keys[number] as Uint8Array),
        prefix: options.prefix,
      });
    });
    this.#failed = Promise.race(
      this.#threads.map(
        ({ result }) => new Promise<never>((_, reject) => void result.catch((error: Error) => reject(error))),
      ),
    );
    this.#failed.catch(() => undefined);
  }

  /** Of all threads together; lateness is the worst. */
  get state(): CrewState {
    return this.#threads.reduce(
      (sum, { state }) => ({
        signedUp: sum.signedUp + state.signedUp,
        live: sum.live + state.live,
        sent: sum.sent + state.sent,
        answered: sum.answered + state.answered,
        received: sum.received + state.received,
        due: sum.due + state.due,
        gathered: sum.gathered + state.gathered,
        lateMs: Math.max(sum.lateMs, state.lateMs),
        readBack: sum.readBack + state.readBack,
      }),
      NO_STATE,
    );
  }

  /** What people have seen of each server's load. */
  get seen(): Readonly<Record<string, SeenLoad>> {
    return togetherSeen(this.#threads.map(({ seen }) => seen));
  }

  /** @returns once every thread has carried it out @throws Error where one cannot */
  async order(message: ToCrew): Promise<void> {
    const done = this.#threads.map(
      ({ port, waiting }) =>
        new Promise<void>((resolve) => {
          waiting.set(message.type, resolve);
          port.postMessage(message);
        }),
    );
    await Promise.race([Promise.all(done), this.#failed]);
  }

  /** After `readBack`. */
  results(): Promise<CrewResult[]> {
    return Promise.all(this.#threads.map(({ result }) => result));
  }

  async close(): Promise<void> {
    for (const { port } of this.#threads) port.close();
    await this.#pool.destroy();
  }

  #start(options: CrewOptions, order: Omit<CrewOrder, "port">): CrewThread {
    const { port1, port2 } = new MessageChannel();
    const result = this.#pool.run({ ...order, port: port2 }, { transferList: [port2] }).then((answer) => {
      if ("failed" in answer) throw new FastChatError(answer.failed.code, answer.failed.message);
      return answer;
    });
    // Whoever gives the next order hears of it.
    result.catch(() => undefined);
    const thread: CrewThread = { port: port1, result, state: NO_STATE, seen: {}, waiting: new Map() };
    port1.on("message", (message: FromCrew) => {
      if (message.type === "state") {
        thread.state = message.state;
        thread.seen = message.seen;
      } else if (message.type === "problem") options.onProblem(message.text);
      else {
        thread.waiting.get(message.what)?.();
        thread.waiting.delete(message.what);
      }
    });
    return thread;
  }
}
