/** Sessions that move between chat servers while people write, and a balancer that is restarted, over real sockets. */
import { setImmediate as turn } from "node:timers/promises";
import t from "tap";
import type { Client } from "../../src/client/core/client.js";
import { OPERATOR_PATHS, type Rebalancing } from "../../src/protocol/operator.js";
import { engines } from "../engines/engines.js";
import { Ear, System } from "./system.js";

const NAMES = ["alice", "bob", "carol", "dave", "erin", "frank"];

interface Someone {
  readonly name: string;
  readonly client: Client;
  readonly ear: Ear;
}

/** Asks again and again, until the answer is as it shall be. */
async function until<T>(ask: () => Promise<T>, isSo: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isSo(answer)) return answer;
    await turn();
  }
}

const sumOf = (connections: Record<string, number>): number =>
  Object.values(connections).reduce((sum, count) => sum + count, 0);

for (const engine of engines().filter(({ name, concurrent }) => name === "pg-mem" || concurrent)) {
  t.test(`on ${engine.name}`, { skip: engine.skip }, async (t) => {
    const system = await System.start(engine);
    t.teardown(() => system.close());
    const people: Someone[] = [];
    for (const name of NAMES) {
      const client = await system.register(name);
      people.push({ name, client, ear: await Ear.open(client) });
    }
    for (const { ear } of people) await ear.until(() => ear.live);
    const written = new Map(NAMES.map((name) => [name, [] as string[]]));
    let talking = true;
    /** Everybody writes to the next one, one message after the other. */
    const talk = async (index: number): Promise<void> => {
      const [from, to] = [people[index], people[(index + 1) % people.length]];
      if (from === undefined || to === undefined) throw new Error("nobody is there");
      for (let count = 1; talking; count++) {
        const text = `${from.name} ${count}`;
        written.get(to.name)?.push(text);
        await from.client.send(to.name, text);
      }
    };
    const talks = people.map((_, index) => talk(index));

    await t.test("a server is drained, and gets its share again, while everybody writes", async (t) => {
      for (const server of ["chat-1", "chat-3"]) {
        system.setDuty(server, "draining");
        await until(
          () => system.connections(),
          (connections) => connections[server] === 0 && sumOf(connections) === NAMES.length,
        );
        system.setDuty(server, "serving");
        await system.asOperator("POST", OPERATOR_PATHS.rebalance);
        await until(
          async () => (await system.asOperator("GET", OPERATOR_PATHS.rebalance)) as Rebalancing,
          ({ underWay, moving }) => !underWay && moving === 0,
        );
        // Whoever has just come is moved once more only after a while; who has not is.
        const { [server]: back = 0 } = await system.connections();
        t.ok(back > 0, `${back} moved to ${server}`);
      }
      t.ok(
        people.every(({ ear }) => ear.outages === 0),
        "nobody was without a connection",
      );
    });

    await t.test(
      "a balancer that is restarted knows within two seconds who is where, and nobody notices",
      async (t) => {
        const before = await system.connections();
        await system.restartBalancer();
        const began = performance.now();
        const after = await until(
          () => system.connections(),
          (connections) => sumOf(connections) === NAMES.length,
        );
        t.ok(performance.now() - began < 2_000);
        t.same(after, before);
        t.ok(people.every(({ ear }) => ear.outages === 0));
      },
    );

    await t.test("everybody has everything that was written to them, once and in order", async (t) => {
      talking = false;
      await Promise.all(talks);
      for (const { name, client, ear } of people) {
        const expected = written.get(name) ?? [];
        t.ok(expected.length > 0);
        await ear.until(() => ear.messages.length >= expected.length);
        t.same(ear.texts, expected, name);
        await ear.stop();
        const history: string[] = [];
        for await (const page of client.wholeHistory()) {
          history.push(...page.filter(({ direction }) => direction === "received").map(({ text }) => text));
        }
        t.same(history, expected, `the history of ${name}`);
      }
    });
  });
}
