/**
 * `npm run bench -- pending`: messages for people who are offline, accepted upon commit, through the whole server, beside
 * what the same statement reaches alone on the same database.
 */
import { join } from "node:path";
import { loadavg } from "node:os";
import chalk from "chalk";
import type { CommandModule } from "yargs";
import { folderForSockets } from "../src/node/short-folder.js";
import { openDatabase, type Database, type DatabaseAddress } from "../src/store/database.js";
import { sqlDeliveries } from "../src/store/sql-deliveries.js";
import {
  DATABASE_OPTIONS,
  databaseSettings,
  lendIfNamed,
  type DatabaseOptions,
  type LentDatabases,
} from "./databases.js";
import { BareStatement } from "./pending/bare-statement.js";
import { WholeServer } from "./pending/whole-server.js";
import { Times, type Percentiles } from "./percentiles.js";
import { Connections } from "./service/connections.js";
import { NOBODY_MOVES, OPEN_DOORS, signUpMany } from "./service/sign-up.js";
import { startSystem, type SystemProcess } from "./system-process.js";

interface PendingOptions extends DatabaseOptions {
  readonly seconds: number;
  readonly rounds: number;
  readonly senders: number;
  readonly recipients: number;
  readonly window: number;
  readonly size: number;
  readonly servers: number;
  readonly goal: number;
  readonly json: boolean;
}

/** Rows of a transaction: what chat servers take together at most, by `limits.writeBatchRows`. */
const BATCH_ROWS = 512;
const DATABASE_MS = 10_000;

export const pendingCommand: CommandModule<object, PendingOptions> = {
  command: "pending",
  describe: "messages for people who are offline, beside the same statement alone",
  builder: (args) =>
    args
      .option("seconds", { type: "number", default: 15, describe: "how long each side is measured, in all" })
      .option("rounds", { type: "number", default: 5, describe: "the two sides take turns so many times" })
      .option("senders", { type: "number", default: 60, describe: "people who write" })
      .option("recipients", { type: "number", default: 300, describe: "people who are offline" })
      .option("window", { type: "number", default: 64, describe: "messages a sender has on the way" })
      .option("size", { type: "number", default: 512, describe: "opaque bytes a message" })
      .option("servers", {
        type: "number",
        default: 3,
        describe: "chat servers, and writers of the other side",
      })
      .options(DATABASE_OPTIONS)
      .option("goal", {
        type: "number",
        default: 0.7,
        describe: "least share of what the statement reaches alone",
      })
      .option("json", { type: "boolean", default: false, describe: "print one JSON object" })
      .check(({ seconds, rounds, senders, recipients, window, size, servers }) => {
        for (const [name, value] of Object.entries({ rounds, senders, recipients, window, size, servers })) {
          if (!Number.isInteger(value) || value < 1)
            throw new Error(`--${name} must be a whole number from 1.`);
        }
        if (!(seconds > 0)) throw new Error("--seconds must be more than 0.");
        if (window > 256) throw new Error("--window must be at most 256, as a session's is.");
        if (size < 8) throw new Error("--size must be at least 8.");
        return true;
      }),
  handler: (options) => measurePending(options),
};

/** What one side reached over all rounds. */
interface Reached {
  readonly messages: number;
  readonly seconds: number;
}

async function measurePending(options: PendingOptions): Promise<void> {
  const { seconds, rounds, json } = options;
  const progress = (text: string): void => {
    if (!json) console.error(text);
  };
  progress("starting a system and signing people up");
  const lent = await lendIfNamed(options);
  const system = await startSystem(settingsOf(options, lent));
  const connections = new Connections(system.address);
  let database: Database | null = null;
  let whole: WholeServer | null = null;
  try {
    const http = connections.http();
    const senders = await signUpMany(http, "sender", options.senders);
    const recipients = await signUpMany(http, "offline", options.recipients);
    const accounts = recipients.map(({ account }) => account);
    database = await openService(system, lent, options.servers);
    const bare = new BareStatement(sqlDeliveries(database), {
      senders: senders.map(({ account }) => account),
      recipients: accounts,
      size: options.size,
      rows: BATCH_ROWS,
      writers: options.servers,
    });
    whole = await WholeServer.connect(connections, senders, {
      recipients: accounts,
      window: options.window,
      size: options.size,
    });
    const latency = new Times();
    const sides = { whole: [] as Reached[], bare: [] as Reached[] };
    const batches: number[] = [];
    progress("warming up");
    await whole.run(2, new Times());
    await bare.run(2);
    for (let round = 1; round <= rounds; round++) {
      const before = await lastPosition(database);
      const through = await whole.run(seconds / rounds, latency);
      batches.push(await meanBatch(database, before));
      const alone = await bare.run(seconds / rounds);
      sides.whole.push(through);
      sides.bare.push(alone);
      progress(
        `round ${round} of ${rounds}: ${rate([through]).toFixed(0)} messages/s, the statement alone ${rate([alone]).toFixed(0)}`,
      );
    }
    report(options, sides, latency.percentiles(), batches);
  } finally {
    whole?.close();
    connections.close();
    await database?.close();
    await system.stop();
    await lent?.close();
  }
}

function settingsOf({ servers }: PendingOptions, lent: LentDatabases | null): Record<string, string> {
  return {
    ...OPEN_DOORS,
    ...NOBODY_MOVES,
    FASTCHAT_SERVERS: String(servers),
    FASTCHAT_LIMITS_PENDING_PER_ACCOUNT: "100000000",
    FASTCHAT_LIMITS_WRITE_BATCH_ROWS: String(BATCH_ROWS),
    ...databaseSettings(lent),
  };
}

async function openService(
  { data }: SystemProcess,
  lent: LentDatabases | null,
  writers: number,
): Promise<Database> {
  const address: DatabaseAddress =
    lent === null
      ? {
          kind: "socket",
          directory: await folderForSockets(join(data, "sockets", "service"), ".s.PGSQL.5432"),
        }
      : { kind: "url", url: lent.urls.service };
  return openDatabase(address, writers + 1, DATABASE_MS, (error) => console.error(error.message));
}

async function lastPosition(database: Database): Promise<string> {
  const { rows } = await database.query<{ last: string }>({
    text: "SELECT coalesce(max(position), 0) AS last FROM deliveries",
  });
  return rows[0]?.last ?? "0";
}

/** Rows of a transaction, on average: each row bears the number of the transaction that wrote it. */
async function meanBatch(database: Database, after: string): Promise<number> {
  const { rows } = await database.query<{ mean: string }>({
    text: "SELECT count(*)::float / greatest(count(DISTINCT xmin::text), 1) AS mean FROM deliveries WHERE position > $1",
    values: [after],
  });
  return Number(rows[0]?.mean ?? 0);
}

function rate(reached: readonly Reached[]): number {
  const sum = (of: (one: Reached) => number): number => reached.reduce((total, one) => total + of(one), 0);
  return sum(({ messages }) => messages) / sum((one) => one.seconds);
}

function report(
  options: PendingOptions,
  sides: { readonly whole: readonly Reached[]; readonly bare: readonly Reached[] },
  latency: Percentiles,
  batches: readonly number[],
): void {
  const messagesPerSecond = rate(sides.whole);
  const statementPerSecond = rate(sides.bare);
  const ratio = messagesPerSecond / statementPerSecond;
  const rowsPerBatch = batches.reduce((sum, rows) => sum + rows, 0) / batches.length;
  const reached = ratio >= options.goal;
  if (!reached) process.exitCode = 1;
  if (options.json) {
    const { seconds, rounds, senders, recipients, window, size, servers, goal } = options;
    const engine = options.database === undefined ? "embedded" : "postgresql";
    console.log(
      JSON.stringify({
        run: { seconds, rounds, senders, recipients, window, size, servers, engine, node: process.version },
        load: loadavg()[0],
        messagesPerSecond,
        statementPerSecond,
        ratio,
        goal,
        reached,
        latencyMs: latency,
        rowsPerBatch,
      }),
    );
    return;
  }
  console.log(chalk.bold("                        messages/s   rows a commit    p50 ms    p99 ms"));
  console.log(
    `through the server      ${messagesPerSecond.toFixed(0).padStart(10)} ${rowsPerBatch.toFixed(0).padStart(15)} ${latency.p50.toFixed(1).padStart(9)} ${latency.p99.toFixed(1).padStart(9)}`,
  );
  console.log(
    `the statement alone     ${statementPerSecond.toFixed(0).padStart(10)} ${String(BATCH_ROWS).padStart(15)}`,
  );
  console.log(`ratio ${ratio.toFixed(3)}; the goal is ${options.goal}${reached ? "" : ", and is missed"}`);
}
