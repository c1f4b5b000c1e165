import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { threadDatabases } from "../../src/workers/thread-databases.js";

/** How a database says that it refuses, with a SQLSTATE that no other try would change: it is there, then. */
const REFUSAL = Buffer.from("E\0\0\0\u0017SERROR\0C42501\0Mno\0\0", "latin1");

t.test("how long a database was away is told truly, whatever the clock on the wall says", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "fastchat-"));
  t.teardown(() => rm(directory, { recursive: true }));
  const told: object[] = [];
  const log = { debug() {}, info: (fields: object) => void told.push(fields), warn() {}, error() {} };
  const database = threadDatabases({ kind: "socket", directory }, 5000, log, () => {})(1);
  t.teardown(() => database.close());
  await t.rejects(database.query({ text: "SELECT 1" }), { code: "unavailable" });

  const server = createServer((socket) => socket.once("data", () => socket.end(REFUSAL)));
  await new Promise<void>((resolve) => server.listen(join(directory, ".s.PGSQL.5432"), resolve));
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  const now = Date.now();
  t.intercept(Date, "now", { value: () => now + 86_400_000 });
  await t.rejects(database.query({ text: "SELECT 1" }), { code: "internal" });
  const [{ afterMs } = { afterMs: NaN }] = told as { afterMs: number }[];
  t.ok(afterMs >= 0 && afterMs < 3_600_000, String(afterMs));
});
