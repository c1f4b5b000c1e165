import t from "tap";
import { VirtualClock } from "../../../bench/simulation/virtual-clock.js";
import { errorResponse, readyForQuery } from "../../../src/workers/database/backend.js";
import { Maintenance } from "../../../src/workers/database/maintenance.js";
import { Scheduler } from "../../../src/workers/database/scheduler.js";
import { Lines, runDatabase, timeouts } from "./running-database.js";

function setting(answer: (sql: string) => Uint8Array = () => new Uint8Array()) {
  const ran: string[] = [];
  const clock = new VirtualClock();
  const log = new Lines();
  const scheduler = new Scheduler({
    session: {
      run(input, onOutput) {
        const sql = Buffer.from(input.subarray(5)).toString("utf8").split("\0")[0] ?? "";
        ran.push(sql);
        onOutput(answer(sql));
        onOutput(readyForQuery("I"));
      },
    },
    clock,
    soon: setImmediate,
    idleTransactionMs: 1000,
    maxAnswerBytes: 1000,
    onBroken: (error) => t.error(error),
  });
  const maintenance = new Maintenance({ scheduler, clock, log, checkpointMs: 1000 });
  return {
    ran,
    clock,
    log,
    maintenance,
    checkpoints: () => ran.filter((sql) => sql === "CHECKPOINT").length,
  };
}

const LOG_FILE = "/pglite/data/pg_wal/000000010000000000000001";

/** Lets the bridge's own work run that is due now. */
async function settle(ran: readonly string[]): Promise<void> {
  for (let before = -1; before !== ran.length;) {
    before = ran.length;
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  }
}

await t.test(
  "a checkpoint follows the first write after its time, and none follows where nothing is written",
  async (t) => {
    const { ran, clock, maintenance, checkpoints } = setting();
    clock.advance(5000);
    await settle(ran);
    t.same(ran, [], "nothing was written");
    maintenance.wrote(LOG_FILE, 8192);
    maintenance.wrote("/pglite/data/base/5/1259", 8192);
    clock.advance(999);
    await settle(ran);
    t.equal(checkpoints(), 0);
    clock.advance(1);
    await settle(ran);
    t.equal(checkpoints(), 1);
    clock.advance(5000);
    await settle(ran);
    t.equal(checkpoints(), 1);
  },
);

await t.test("much writing does not wait for its time", async (t) => {
  const { ran, maintenance, checkpoints } = setting();
  for (let mib = 0; mib < 64; mib++) maintenance.wrote(LOG_FILE, 1024 * 1024);
  await settle(ran);
  t.equal(checkpoints(), 1);
  maintenance.wrote(LOG_FILE, 1024 * 1024);
  await settle(ran);
  t.equal(checkpoints(), 1);
});

await t.test("what fails is logged, and tried again in time", async (t) => {
  const failing = errorResponse({ severity: "ERROR", code: "53100", message: "no space left" });
  const { ran, clock, log, maintenance, checkpoints } = setting(() => failing);
  maintenance.wrote(LOG_FILE, 1);
  clock.advance(1000);
  await settle(ran);
  t.equal(checkpoints(), 1);
  t.ok(log.lines.includes("warn: database maintenance failed"));
  clock.advance(1000);
  await settle(ran);
  t.equal(checkpoints(), 2);
});

await t.test("stopping makes one last checkpoint and begins nothing more", async (t) => {
  const { ran, clock, maintenance, checkpoints } = setting();
  maintenance.wrote(LOG_FILE, 1);
  await maintenance.stop();
  clock.advance(5000);
  await settle(ran);
  t.same(ran, ["CHECKPOINT"]);
  t.equal(checkpoints(), 1);
});

await t.test(
  "on the real engine, tables with many dead rows are vacuumed and the log is checkpointed",
  async (t) => {
    const clock = new VirtualClock();
    let controlWritten: () => void = () => undefined;
    const files = {
      onWrite(path: string): void {
        if (path.endsWith("/pg_control")) controlWritten();
      },
    };
    const running = await runDatabase(t, { clock, files });
    const client = await running.connect();
    await client.query("CREATE TABLE churned AS SELECT generate_series(1, 5000) AS id");
    await client.query("DELETE FROM churned");
    await client.query("SELECT pg_stat_force_next_flush()");
    const checkpointed = new Promise<void>((resolve) => {
      controlWritten = resolve;
    });
    clock.advance(timeouts.checkpointMs);
    await checkpointed;
    const { rows } = await client.query(
      "SELECT last_vacuum IS NOT NULL AS vacuumed, n_dead_tup::int AS dead FROM pg_stat_user_tables",
    );
    t.same(rows, [{ vacuumed: true, dead: 0 }]);
    t.same(running.log.lines, []);
  },
);
