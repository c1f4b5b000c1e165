/** What each thread is started with: what it needs, and no secret beyond. */
import { existsSync } from "node:fs";
import t from "tap";
import { readConfig, textOverride } from "../../src/config.js";
import type { Incarnation } from "../../src/protocol/ids.js";
import { DEFAULTS_FILE } from "../../src/supervisor/command-line.js";
import type { Databases } from "../../src/supervisor/databases.js";
import { Secrets } from "../../src/supervisor/secrets.js";
import { entryOf, threadData, threadPlans } from "../../src/supervisor/thread-data.js";

const config = readConfig(DEFAULTS_FILE, [textOverride("servers", "2", "test")], "/");
const secrets = new Secrets(
  { tls: { cert: "CERT", key: "TLS-KEY" }, pin: null },
  "OPAQUE-SETUP",
  "GRANT-KEY",
  "GRANT-PUBLIC-KEY",
  new Uint8Array(32),
);
const databases: Databases = {
  service: { address: { kind: "url", url: "SERVICE-DATABASE" }, folder: null },
  archive: { address: { kind: "url", url: "ARCHIVE-DATABASE" }, folder: null },
};
const embedded: Databases = {
  service: { address: { kind: "socket", directory: "/s" }, folder: "/data/service" },
  archive: { address: { kind: "socket", directory: "/a" }, folder: "/data/archive" },
};

function dataOf(id: string, places: Databases): string {
  const plan = threadPlans(config).find((one) => one.id === id);
  if (plan === undefined) throw new Error(`no thread ${id}`);
  return JSON.stringify(threadData(plan, 1234, "0".repeat(32) as Incarnation, config, secrets, places));
}

t.test("each thread knows its own secrets and none of the others'", async (t) => {
  const known = (id: string, places = databases) =>
    [
      "TLS-KEY",
      "OPAQUE-SETUP",
      "GRANT-KEY",
      "GRANT-PUBLIC-KEY",
      "SERVICE-DATABASE",
      "ARCHIVE-DATABASE",
    ].filter((secret) => dataOf(id, places).includes(`"${secret}"`));
  t.same(known("balancer"), ["TLS-KEY", "OPAQUE-SETUP", "GRANT-KEY", "SERVICE-DATABASE"]);
  t.same(known("chat-2"), ["TLS-KEY", "GRANT-PUBLIC-KEY", "SERVICE-DATABASE"]);
  t.same(known("archive"), ["TLS-KEY", "GRANT-PUBLIC-KEY", "ARCHIVE-DATABASE"]);
  t.same(known("database-service", embedded), []);
  t.same(known("database-archive", embedded), []);
});

t.test("an embedded database has its own folder and socket", async (t) => {
  t.match(JSON.parse(dataOf("database-service", embedded)), {
    name: "service",
    folder: "/data/service",
    socketDirectory: "/s",
  });
  t.match(JSON.parse(dataOf("database-archive", embedded)), {
    name: "archive",
    folder: "/data/archive",
    socketDirectory: "/a",
  });
});

t.test("a thread listens where it is told, and its entry is there", async (t) => {
  t.match(JSON.parse(dataOf("chat-1", databases)), { id: "chat-1", port: 1234, host: "127.0.0.1" });
  for (const plan of threadPlans(config)) t.ok(existsSync(entryOf(plan)), plan.id);
});

t.test("embedded databases are threads; those of a server are not", async (t) => {
  t.same(
    threadPlans(config).map(({ id, port }) => `${id} ${port}`),
    [
      "chat-1 7442",
      "chat-2 7443",
      "balancer 7440",
      "archive 7441",
      "database-service 0",
      "database-archive 0",
    ],
  );
  const onPostgres = { ...config, database: "postgres://a/b", archiveDatabase: "postgres://a/c" };
  t.same(
    threadPlans(onPostgres).map(({ id }) => id),
    ["chat-1", "chat-2", "balancer", "archive"],
  );
});
