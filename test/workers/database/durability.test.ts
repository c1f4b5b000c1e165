// What was acknowledged is on disk: fsync is called for it, and a process that is killed has lost nothing.
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import t from "tap";
import { FastChatError } from "../../../src/protocol/errors.js";
import { Engine } from "../../../src/workers/database/engine.js";
import { queryMessage } from "../../../src/workers/database/batch.js";
import { readRows } from "../../../src/workers/database/backend.js";
import { runDatabase, shortFolder } from "./running-database.js";
import { copyTemplate } from "./template-folder.js";

/** Runs one query on an engine of the test's own. */
function query(engine: Engine, sql: string): (string | null)[][] {
  const chunks: Uint8Array[] = [];
  engine.run(queryMessage(sql), (chunk) => chunks.push(chunk));
  return readRows(Buffer.concat(chunks));
}

await t.test("every commit of a write calls the system's fsync, and a read does not", async (t) => {
  const { fsyncSync } = fs;
  let calls = 0;
  fs.fsyncSync = (descriptor) => {
    calls++;
    fsyncSync(descriptor);
  };
  syncBuiltinESMExports();
  t.teardown(() => {
    fs.fsyncSync = fsyncSync;
    syncBuiltinESMExports();
  });
  const running = await runDatabase(t);
  const client = await running.connect();
  await client.query("CREATE TABLE kept (id int PRIMARY KEY)");
  const during = async (work: () => Promise<unknown>): Promise<number> => {
    const before = calls;
    await work();
    return calls - before;
  };
  const perCommit: number[] = [];
  for (let id = 0; id < 20; id++) {
    perCommit.push(await during(() => client.query("INSERT INTO kept VALUES ($1)", [id])));
  }
  t.ok(Math.min(...perCommit) >= 1, `calls for each of 20 commits: ${perCommit.join(" ")}`);

  await client.query("BEGIN");
  const open = await during(() => client.query("INSERT INTO kept VALUES (100), (101)"));
  const commit = await during(() => client.query("COMMIT"));
  t.equal(open, 0, "nothing before the commit");
  t.ok(commit >= 1, "a transaction when it commits");
  t.equal(await during(() => client.query("SELECT count(*) FROM kept")), 0);

  const { rows } = await client.query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings WHERE name IN
       ('fsync', 'full_page_writes', 'shared_buffers', 'synchronous_commit', 'wal_sync_method') ORDER BY name`,
  );
  t.same(
    rows.map(({ name, setting }) => `${name}=${setting}`),
    [
      "fsync=on",
      "full_page_writes=on",
      "shared_buffers=2048",
      "synchronous_commit=on",
      "wal_sync_method=fsync",
    ],
  );
});

await t.test("a process killed at any moment has lost nothing that it acknowledged", async (t) => {
  const root = await shortFolder(t);
  const folder = join(root, "data");
  await copyTemplate(folder);
  const acknowledged: number[] = [];
  const child = fileURLToPath(new URL("./committing-process.js", import.meta.url));
  for (const [round, killAfter] of [37, 120, 71].entries()) {
    const writer = spawn(
      process.execPath,
      [child, folder, join(root, "socket"), String((round + 1) * 1_000_000)],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const exited = once(writer, "exit");
    let seen = 0;
    for await (const line of createInterface({ input: writer.stdout })) {
      acknowledged.push(Number(line));
      // What was acknowledged before the signal arrived is read to its end.
      if (++seen === killAfter) writer.kill("SIGKILL");
    }
    t.same((await exited)[1], "SIGKILL");
  }
  const engine = await Engine.open(folder);
  t.teardown(() => engine.close());
  const there = new Set(query(engine, "SELECT id FROM kept").map(([id]) => Number(id)));
  const lost = acknowledged.filter((id) => !there.has(id));
  t.ok(acknowledged.length >= 37 + 120 + 71, `${acknowledged.length} rows were acknowledged`);
  t.same(lost, []);
});

await t.test(
  "a disk that is full under the tables fails the statement, and the database goes on",
  async (t) => {
    let full = false;
    const running = await runDatabase(t, {
      files: { onWrite: refuse((path) => full && path.includes("/base/")) },
    });
    const client = await running.connect();
    await client.query("CREATE TABLE kept (id int PRIMARY KEY, content bytea)");
    full = true;
    const content = Buffer.alloc(500_000, "incompressible".repeat(7));
    for (let i = 0; i < content.length; i += 7) content[i] = (i * 2654435761) >>> 24;
    const error: unknown = await client
      .query("INSERT INTO kept VALUES (1, $1)", [content])
      .catch((thrown: unknown) => thrown);
    t.equal((error as { code?: string }).code, "53100");
    full = false;
    await client.query("INSERT INTO kept VALUES (2, $1)", [content]);
    t.same((await client.query("SELECT id FROM kept")).rows, [{ id: 2 }]);
  },
);

await t.test(
  "a disk that is full under the log ends the engine, and a new start has all that was acknowledged",
  async (t) => {
    // A dead engine's own timers end with its thread; here there is none, and they must not hold up the test.
    const { setTimeout: original } = globalThis;
    globalThis.setTimeout = ((callback: () => void, ms?: number) =>
      original(callback, ms).unref()) as typeof setTimeout;
    t.teardown(() => {
      globalThis.setTimeout = original;
    });
    let full = false;
    let failed: (error: unknown) => void;
    const failure = new Promise<unknown>((resolve) => {
      failed = resolve;
    });
    const running = await runDatabase(t, {
      files: { onWrite: refuse((path) => full && path.includes("/pg_wal/")) },
      onFailure: (error) => failed(error),
    });
    const client = await running.connect();
    const bystander = await running.connect();
    const bystanderClosed = new Promise((resolve) => bystander.on("end", () => resolve(null)));
    await client.query("CREATE TABLE kept (id int PRIMARY KEY)");
    await client.query("INSERT INTO kept VALUES (1)");
    full = true;
    const error: unknown = await client
      .query("INSERT INTO kept VALUES (2)")
      .catch((thrown: unknown) => thrown);
    t.equal((error as { code?: string }).code, "53100", "the client is told why");
    await bystanderClosed;
    const reason = await failure;
    t.ok(reason instanceof FastChatError && reason.code === "diskFull", String(reason));
    full = false;
    const again = await Engine.open(running.folder);
    t.teardown(() => again.close());
    t.same(query(again, "SELECT id FROM kept"), [["1"]]);
  },
);

/** Refuses to write where `refuses` says so, as a full disk does. */
function refuse(refuses: (path: string) => boolean): (path: string) => void {
  return (path) => {
    if (refuses(path)) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  };
}
