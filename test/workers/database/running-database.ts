/** An embedded database in the thread of a test, with a folder of its own that is removed afterwards. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, Pool } from "pg";
import type { Test } from "tap";
import { readConfig } from "../../../src/config.js";
import { systemClock } from "../../../src/node/clock.js";
import type { Clock, Log } from "../../../src/protocol/runtime.js";
import type { FileEvents } from "../../../src/workers/database/durable-files.js";
import {
  startEmbeddedDatabase,
  type EmbeddedDatabase,
} from "../../../src/workers/database/embedded-database.js";
import { copyTemplate } from "./template-folder.js";

export const { limits, timeouts, log: logConfig } = readConfig("config/globals.json", [], ".");

/** What was logged, as `level: message`. */
export class Lines implements Log {
  readonly lines: string[] = [];
  readonly debug = (_fields: object, message: string): unknown => this.lines.push(`debug: ${message}`);
  readonly info = (_fields: object, message: string): unknown => this.lines.push(`info: ${message}`);
  readonly warn = (_fields: object, message: string): unknown => this.lines.push(`warn: ${message}`);
  readonly error = (_fields: object, message: string): unknown => this.lines.push(`error: ${message}`);
}

export interface RunningOptions {
  readonly clock?: Clock;
  readonly files?: FileEvents;
  readonly onFailure?: (error: unknown) => void;
}

export interface RunningDatabase {
  readonly database: EmbeddedDatabase;
  readonly folder: string;
  readonly directory: string;
  readonly log: Lines;
  /** A connected client; closed when the test ends. */
  connect(): Promise<Client>;
  pool(connections: number): Pool;
}

/** A folder for this test, with a short path since sockets stand in it, removed afterwards. */
export async function shortFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "fc-"));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function runDatabase(t: Test, options: RunningOptions = {}): Promise<RunningDatabase> {
  const root = await shortFolder(t);
  const folder = join(root, "data");
  const directory = join(root, "socket");
  await copyTemplate(folder);
  const log = new Lines();
  const database = await startEmbeddedDatabase({
    folder,
    socketDirectory: directory,
    limits,
    timeouts,
    clock: options.clock ?? systemClock,
    log,
    onFailure: options.onFailure ?? ((error) => t.error(error, "the engine must not fail")),
    ...(options.files === undefined ? {} : { files: options.files }),
  });
  t.teardown(() => database.stop());
  const where = { host: directory, user: "postgres", database: "postgres" };
  return {
    database,
    folder,
    directory,
    log,
    async connect() {
      const client = new Client(where);
      // A connection that the test has closed by the database is no reason to end the process.
      client.on("error", () => undefined);
      await client.connect();
      t.teardown(() => client.end().catch(() => undefined));
      return client;
    },
    pool(connections) {
      const pool = new Pool({ ...where, max: connections });
      pool.on("error", () => undefined);
      t.teardown(() => pool.end());
      return pool;
    },
  };
}
