/** Somebody keeps their history in a database of their own: the service has none of it, and everything else is as ever. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { systemClock } from "../../src/node/clock.js";
import type { Client } from "../../src/client/core/client.js";
import {
  startEmbeddedDatabase,
  type EmbeddedDatabase,
} from "../../src/workers/database/embedded-database.js";
import { pgMemEngine } from "../engines/pg-mem.js";
import { withSearchPath } from "../engines/postgres.js";
import { config, Ear, System } from "./system.js";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const SCHEMA = `fastchat_own_${process.pid}`;

const textsOf = async (client: Client): Promise<string[]> =>
  (await client.history({ limit: 500 })).map(({ text }) => text);

/** Waits for something that other devices see when they look next. */
async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function story(t: Test, system: System, archive: string): Promise<{ alice: Client; second: Client }> {
  const bob = await system.register("bob");
  const alice = await system.register("alice", "first", { archive });
  const ear = await Ear.open(alice);
  await alice.send("bob", "from mine");
  await bob.send("alice", "to yours");
  await ear.until(() => ear.messages.length === 1);
  await eventually(async () => (await textsOf(alice)).length === 2);
  t.equal(await system.countArchives(), 1, "the service has bob's archive, and no other");
  t.match(await alice.checkArchive({ whole: true }), { counter: 3, alarm: null });

  const second = await system.login("alice", "second");
  t.same(await textsOf(second), ["from mine", "to yours"], "the password is enough to find it");
  const elsewhere: string[] = [];
  const sentElsewhere = new Promise<void>((resolve) => {
    void second.listen({
      onMessage: () => undefined,
      onSent: ({ text }) => {
        elsewhere.push(text);
        resolve();
      },
    });
  });
  await eventually(async () => (await textsOf(second)).length === 2);
  await alice.send("bob", "seen by my other device");
  await sentElsewhere;
  t.same(elsewhere, ["seen by my other device"]);
  t.match(await second.search("yours"), [{ text: "to yours" }]);
  t.equal(await second.deleteHistory("bob", { type: "all" }), 3);
  t.same(await textsOf(alice), []);
  return { alice, second };
}

t.test("on an embedded database", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "fastchat-own-"));
  const socketDirectory = join(folder, "s");
  await mkdir(socketDirectory, { mode: 0o700 });
  const start = (): Promise<EmbeddedDatabase> =>
    startEmbeddedDatabase({
      folder: join(folder, "database"),
      socketDirectory,
      limits: config.limits,
      timeouts: config.timeouts,
      clock: systemClock,
      log: silent,
      onFailure: (error) => {
        throw error;
      },
    });
  let database = await start();
  const system = await System.start(pgMemEngine);
  t.teardown(async () => {
    await system.close();
    await database.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const address = `postgres://postgres@localhost/postgres?host=${encodeURIComponent(socketDirectory)}`;
  const { alice, second } = await story(t, system, address);

  await database.stop();
  t.match(await alice.send("bob", "while my database is away"), { outcome: "stored" });
  database = await start();
  await eventually(async () =>
    (await textsOf(second).catch((): string[] => [])).includes("while my database is away"),
  );
  t.same(await textsOf(second), ["while my database is away"]);
});

const { FASTCHAT_TEST_DATABASE_URL: url } = process.env;
const skip = url ? false : "FASTCHAT_TEST_DATABASE_URL names no PostgreSQL";
t.test("on PostgreSQL", { skip }, async (t) => {
  const { openDatabase } = await import("../../src/store/database.js");
  const admin = openDatabase({ kind: "url", url: url ?? "" }, 1, 10_000, () => undefined);
  await admin.query({ text: `CREATE SCHEMA ${SCHEMA}` });
  const system = await System.start(pgMemEngine);
  t.teardown(async () => {
    await system.close();
    await admin.query({ text: `DROP SCHEMA ${SCHEMA} CASCADE` });
    await admin.close();
  });
  await story(t, system, withSearchPath(url ?? "", SCHEMA));
});

t.test("a database that cannot be used is told before there is an account", async (t) => {
  const system = await System.start(pgMemEngine, 1);
  t.teardown(() => system.close());
  const attempts = [
    ["mysql://localhost/x", { code: "badRequest" }],
    ["", { code: "badRequest" }],
    [`postgres://me:secret@127.0.0.1:1/${"x".repeat(1_024)}`, { code: "badRequest" }],
    ["postgres://me:secret@127.0.0.1:1/x", { code: "unreachable", message: /127\.0\.0\.1/ }],
  ] as const;
  for (const [archive, expected] of attempts) {
    const error: unknown = await system.register("carol", "carol", { archive }).catch((e: unknown) => e);
    t.match(error, expected);
    t.notMatch(String((error as Error).message), /secret/);
  }
  t.ok(await system.register("carol"), "the name is free still");
});
