/** A process with clients: its people do what the bench tells it, until it is told to end, or is killed. */
import { appendFileSync } from "node:fs";
import { OpaqueWorker } from "../../src/client/node/opaque.js";
import { errorRecord } from "../../src/protocol/errors.js";
import { Chance } from "../simulation/chance.js";
import type { FromHost, HostPlan, ToHost } from "./host-messages.js";
import { Person } from "./person.js";
import { Recorder } from "./recorder.js";

/** People who sign up or read their archives at the same time; after a kill all come back at once. */
const AT_ONCE = 6;

class Host {
  readonly #opaque = new OpaqueWorker();
  readonly #recorder: Recorder;
  readonly #people: readonly Person[];
  readonly #isFirst: boolean;

  constructor(plan: HostPlan) {
    this.#recorder = new Recorder(plan.events);
    this.#isFirst = plan.start === 0;
    const chance = new Chance(plan.seed);
    this.#people = plan.people.map(
      (person) =>
        new Person(person, {
          host: plan,
          recorder: this.#recorder,
          opaque: this.#opaque,
          chance: chance.fork(`${person.name}.${plan.start}`),
          tell,
        }),
    );
  }

  async handle(message: Exclude<ToHost, { type: "begin" | "end" }>): Promise<void> {
    switch (message.type) {
      case "join":
        await this.#each(AT_ONCE, this.#people.filter(isSecond), (person) => person.begin());
        return tell({ type: "joined" });
      case "gather":
        await this.#each(1, this.#people, (person) => person.gather());
        return tell({ type: "gathered" });
      case "send":
        for (const person of this.#people) person.send(message.sending);
        return;
      case "break":
        return this.#people.find(({ plan }) => plan.number === message.person)?.break(message.what);
      case "heal":
        for (const person of this.#people) person.heal();
        return;
      case "poll": {
        const outboxes = await Promise.all(this.#people.map((person) => person.outbox()));
        const state = {
          waiting: sum(this.#people.map(({ waiting }) => waiting)),
          outbox: sum(outboxes),
          lastAt: this.#recorder.lastAt,
        };
        return tell({ type: "polled", state });
      }
      case "close":
        await Promise.all(this.#people.map((person) => person.close()));
        return tell({ type: "closed" });
      case "readBack":
        await this.#each(AT_ONCE, this.#people, async (person) => {
          for (const archive of await person.readBack()) {
            appendFileSync(message.file, `${JSON.stringify(archive)}\n`);
          }
        });
        return tell({ type: "readBack" });
    }
  }

  async begin(sending: boolean): Promise<void> {
    const people = this.#isFirst ? this.#people.filter((person) => !isSecond(person)) : this.#people;
    await this.#each(this.#isFirst ? AT_ONCE : people.length, people, async (person) => {
      await person.begin();
      if (sending) person.send(true);
    });
    tell({ type: "begun" });
  }

  async end(): Promise<void> {
    await this.#opaque.close();
    this.#recorder.close();
  }

  async #each(
    atOnce: number,
    people: readonly Person[],
    work: (person: Person) => Promise<void>,
  ): Promise<void> {
    const left = [...people];
    const worker = async (): Promise<void> => {
      for (let person = left.shift(); person !== undefined; person = left.shift()) await work(person);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }
}

function isSecond({ plan }: Person): boolean {
  return plan.name !== plan.account;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function tell(message: FromHost): void {
  if (process.connected) process.send?.(message);
}

let host: Host | null = null;

async function handle(message: ToHost): Promise<void> {
  if (message.type === "begin") {
    host = new Host(message.plan);
    await host.begin(message.sending);
  } else if (message.type === "end") {
    await host?.end();
    process.disconnect();
  } else {
    await host?.handle(message);
  }
}

process.on("message", (message: ToHost) => {
  handle(message).catch((error: unknown) => {
    tell({ type: "problem", text: `${message.type} failed: ${errorRecord(error).message}` });
    console.error(error);
    process.exit(1);
  });
});
// Ctrl-C on a terminal reaches every process of its group; the bench decides when this one ends.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => process.exit());
