/**
 * `npm run bench -- restart`: the whole process is killed under load while many messages wait: how long until it is
 * ready again, and whether each that was accepted is still there, in order.
 */
import { loadavg } from "node:os";
import chalk from "chalk";
import type { CommandModule } from "yargs";
import { DATABASE_OPTIONS, databaseSettings, lendIfNamed, type DatabaseOptions } from "./databases.js";
import { Times, type Percentiles } from "./percentiles.js";
import { Ledger, reader, Writer, type Balance } from "./restart/correspondence.js";
import { Connections } from "./service/connections.js";
import { OPEN_DOORS, signUpMany } from "./service/sign-up.js";
import { startSystem } from "./system-process.js";

interface RestartOptions extends DatabaseOptions {
  readonly pending: number;
  readonly kills: number;
  readonly senders: number;
  readonly recipients: number;
  readonly window: number;
  readonly servers: number;
  readonly json: boolean;
}

/** How soon everything shall be ready again, in milliseconds. */
const GOAL_MS = 5000;
/** People who come to read at the same time. */
const READERS = 20;

export const restartCommand: CommandModule<object, RestartOptions> = {
  command: "restart",
  describe: "kill -9 of the whole process under load, with many pending messages, and its way back",
  builder: (args) =>
    args
      .option("pending", { type: "number", default: 100_000, describe: "messages that wait, at least" })
      .option("kills", { type: "number", default: 3, describe: "how often the process is killed" })
      .option("senders", { type: "number", default: 40, describe: "people who write" })
      .option("recipients", {
        type: "number",
        default: 100,
        describe: "people who are offline until the end",
      })
      .option("window", { type: "number", default: 64, describe: "messages a sender has on the way" })
      .option("servers", { type: "number", default: 3, describe: "chat servers" })
      .options(DATABASE_OPTIONS)
      .option("json", { type: "boolean", default: false, describe: "print one JSON object" })
      .check(({ pending, kills, senders, recipients, window, servers }) => {
        for (const [name, value] of Object.entries({
          pending,
          kills,
          senders,
          recipients,
          window,
          servers,
        })) {
          if (!Number.isInteger(value) || value < 1)
            throw new Error(`--${name} must be a whole number from 1.`);
        }
        if (window > 256) throw new Error("--window must be at most 256, as a session's is.");
        return true;
      }),
  handler: (options) => measureRestart(options),
};

async function measureRestart(options: RestartOptions): Promise<void> {
  const { json, pending, kills } = options;
  const progress = (text: string): void => {
    if (!json) console.error(text);
  };
  progress("starting a system and signing people up");
  const lent = await lendIfNamed(options);
  const system = await startSystem({
    ...OPEN_DOORS,
    FASTCHAT_SERVERS: String(options.servers),
    FASTCHAT_LIMITS_PENDING_PER_ACCOUNT: "100000000",
    ...databaseSettings(lent),
  });
  const connections = new Connections(system.address);
  const writers: Writer[] = [];
  try {
    const people = await signUpMany(connections.http(), "writer", options.senders);
    const absent = await signUpMany(connections.http(), "absent", options.recipients);
    const accounts = absent.map(({ account }) => account);
    const ledger = new Ledger();
    for (const [index, person] of people.entries()) {
      writers.push(new Writer(connections, person, accounts, options.window, index, ledger));
    }
    for (const writer of writers) writer.begin();
    const readyMs: number[] = [];
    for (let kill = 1; kill <= kills; kill++) {
      // All of it waits before the first, and some more before each.
      const waiting = pending + Math.floor(((kill - 1) * pending) / 10);
      await until(() => ledger.acceptedCount >= waiting);
      progress(`${ledger.acceptedCount} messages wait; killing the process under load`);
      await system.kill();
      readyMs.push(await system.restart());
      progress(`kill ${kill} of ${kills}: ready after ${readyMs.at(-1)?.toFixed(0)} ms`);
      const before = ledger.acceptedCount;
      await until(() => ledger.acceptedCount > before);
    }
    await Promise.all(writers.map((writer) => writer.end()));
    progress(`${ledger.acceptedCount} messages wait; their recipients come`);
    const started = performance.now();
    const catchUp = await readAll(connections, absent, ledger);
    const readMs = performance.now() - started;
    report(options, readyMs, catchUp, ledger.balance(), readMs);
  } finally {
    for (const writer of writers) writer.close();
    connections.close();
    await system.stop();
    await lent?.close();
  }
}

/** Everybody comes, a few at a time, and stays until all that waited has come. */
async function readAll(
  connections: Connections,
  people: Parameters<typeof reader>[1][],
  ledger: Ledger,
): Promise<Percentiles> {
  const times = new Times();
  const coming = people.values();
  const work = async (): Promise<void> => {
    for (const person of coming) {
      const started = process.hrtime.bigint();
      await new Promise<void>((resolve) => {
        const device = reader(connections, person, ledger, () => {
          device.close();
          resolve();
        });
      });
      times.recordSince(started);
    }
  };
  await Promise.all(Array.from({ length: READERS }, work));
  return times.percentiles();
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

function report(
  { pending, kills, senders, recipients, window, servers, database, json }: RestartOptions,
  readyMs: readonly number[],
  catchUpMs: Percentiles,
  balance: Balance,
  readMs: number,
): void {
  const slowest = Math.max(...readyMs);
  const broken = balance.lost + balance.reordered;
  const misses = [
    slowest < GOAL_MS ? null : `ready after ${slowest.toFixed(0)} ms; the goal is ${GOAL_MS} ms`,
    broken === 0 ? null : `${balance.lost} messages were lost, ${balance.reordered} came out of order`,
  ].filter((miss) => miss !== null);
  if (misses.length > 0) process.exitCode = 1;
  const load = loadavg()[0] ?? 0;
  if (json) {
    const engine = database === undefined ? "embedded" : "postgresql";
    const run = { pending, kills, senders, recipients, window, servers, engine, node: process.version };
    console.log(
      JSON.stringify({
        run,
        load,
        readyMs: { max: slowest, each: readyMs },
        balance,
        catchUpMs,
        readMs,
        misses,
      }),
    );
    return;
  }
  console.log(chalk.bold("ready again, ms"));
  console.log(`  each time   ${readyMs.map((ms) => ms.toFixed(0)).join(", ")}`);
  console.log(chalk.bold("messages that waited"));
  console.log(`  accepted    ${balance.accepted}`);
  console.log(`  received    ${balance.received} (${balance.repeated} came again)`);
  console.log(`  lost        ${balance.lost}`);
  console.log(`  reordered   ${balance.reordered}`);
  console.log(
    `read by all in ${(readMs / 1000).toFixed(1)} s; one reader p50 ${catchUpMs.p50.toFixed(0)} ms, p99 ${catchUpMs.p99.toFixed(0)} ms; load average ${load.toFixed(1)}`,
  );
  for (const miss of misses) console.log(chalk.red(miss));
}
