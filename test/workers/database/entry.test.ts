// The thread as the supervisor starts it.
import { once } from "node:events";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Client } from "pg";
import t, { type Test } from "tap";
import { StatementCount } from "../../../src/protocol/statement-count.js";
import type { FromThread, ToThread } from "../../../src/protocol/threads.js";
import type { DatabaseThreadData } from "../../../src/workers/entries.js";
import { SOCKET_NAME } from "../../../src/workers/database/listener.js";
import { limits, logConfig, shortFolder, timeouts } from "./running-database.js";
import { copyTemplate } from "./template-folder.js";

class Thread {
  readonly #worker: Worker;
  readonly statements = new StatementCount();
  readonly exited: Promise<unknown[]>;

  constructor(folder: string, socketDirectory: string) {
    const data: DatabaseThreadData = {
      name: "service",
      folder,
      socketDirectory,
      log: logConfig,
      limits,
      timeouts,
      statements: this.statements.shared,
    };
    this.#worker = new Worker(new URL("../../../src/workers/database/entry.js", import.meta.url), {
      workerData: data,
    });
    this.exited = once(this.#worker, "exit");
  }

  say(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  async hears(): Promise<FromThread> {
    const [message] = (await once(this.#worker, "message")) as [FromThread];
    return message;
  }
}

async function folders(t: Test): Promise<{ folder: string; directory: string }> {
  const root = await shortFolder(t);
  return { folder: join(root, "data"), directory: join(root, "s") };
}

await t.test("the thread serves, answers its heartbeat and ends by itself when told to stop", async (t) => {
  const { folder, directory } = await folders(t);
  await copyTemplate(folder);
  await mkdir(directory);
  // Of a process that was killed.
  await writeFile(join(directory, SOCKET_NAME), "");
  const thread = new Thread(folder, directory);
  t.same(await thread.hears(), { type: "ready" });
  t.equal((await stat(directory)).mode & 0o777, 0o700);
  thread.say({ type: "ping", ref: 7 });
  t.same(await thread.hears(), { type: "pong", ref: 7 });

  const client = new Client({ host: directory, user: "postgres", database: "postgres" });
  client.on("error", () => undefined);
  await client.connect();
  t.same((await client.query("SELECT 1 AS one")).rows, [{ one: 1 }]);
  const closed = new Promise((resolve) => client.on("end", () => resolve(null)));
  thread.say({ type: "stop" });
  t.same(await thread.hears(), { type: "stopped" });
  t.same(await thread.exited, [0]);
  await closed;
  await t.rejects(stat(join(directory, SOCKET_NAME)), "the socket is gone");
});

await t.test("a thread that cannot start says why", async (t) => {
  const { folder, directory } = await folders(t);
  await mkdir(folder);
  await writeFile(join(folder, "PG_VERSION"), "99");
  const thread = new Thread(folder, directory);
  const message = await thread.hears();
  t.match(message, { type: "failed", error: { code: "dataNewer" } });
  await thread.exited;
});

await t.test("a path too long for a socket is refused with its name", async (t) => {
  const { folder, directory } = await folders(t);
  await copyTemplate(folder);
  const thread = new Thread(folder, `${directory}${"x".repeat(100)}`);
  const message = await thread.hears();
  t.match(message, {
    type: "failed",
    error: { code: "badConfig", message: /x+.* is too long for a socket/ },
  });
  await thread.exited;
});

await t.test("while a statement is computed the thread counts what it cannot say", async (t) => {
  const { folder, directory } = await folders(t);
  await copyTemplate(folder);
  const thread = new Thread(folder, directory);
  await thread.hears();
  const client = new Client({ host: directory, user: "postgres", database: "postgres" });
  await client.connect();
  t.equal(thread.statements.read() % 2, 0);
  let answered = false;
  const asked = client
    .query("SELECT count(*)::int AS n FROM generate_series(1, 3000000)")
    .then(({ rows }) => {
      answered = true;
      return rows as unknown;
    });
  const during = await new Promise<number>((resolve, reject) => {
    const look = (): void => {
      const count = thread.statements.read();
      if (count % 2 !== 0) resolve(count);
      else if (answered) reject(new Error("it was never seen at work"));
      else setImmediate(look);
    };
    look();
  });
  t.same(await asked, [{ n: 3_000_000 }]);
  t.ok(thread.statements.read() > during);
  t.equal(thread.statements.read() % 2, 0, "and is at rest again");
  await client.end();
  thread.say({ type: "stop" });
  await thread.exited;
});
