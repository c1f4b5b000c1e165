/**
 * What a PostgreSQL server does in the background and PGlite does not do by itself: checkpoints, and vacuuming what was
 * deleted. Both run through the scheduler, between transactions.
 */
import type { Clock, Log, Timer } from "../../protocol/runtime.js";
import { readRows } from "./backend.js";
import { queryMessage } from "./batch.js";
import type { Scheduler } from "./scheduler.js";

export interface MaintenanceOptions {
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly log: Log;
  /** How long after a write a checkpoint follows at the latest, in milliseconds. */
  readonly checkpointMs: number;
}

/** Bytes of log after which a checkpoint does not wait for its time: that much is repeated after a crash. */
const CHECKPOINT_BYTES = 64 * 1024 * 1024;

/** Where the engine's log is, as it sees it. */
const LOG_FOLDER = "/pg_wal/";

/**
 * Tables worth the work, as autovacuum judges it: rows that nobody can see any more, rows the planner does not know of,
 * and transaction numbers that must not run out. Large tables wait for the last of these: nothing else runs meanwhile.
 */
const WORTHWHILE = `
  SELECT format(CASE WHEN c.n_dead_tup > 1000 + c.n_live_tup / 10 OR c.age > 150000000
                     THEN 'VACUUM (ANALYZE) %I.%I' ELSE 'ANALYZE %I.%I' END, c.schemaname, c.relname)
  FROM (SELECT s.*, age(t.relfrozenxid) AS age
        FROM pg_stat_all_tables s JOIN pg_class t ON t.oid = s.relid
        WHERE t.relkind = 'r' AND t.relpersistence = 'p') c
  WHERE c.age > 150000000
     OR (pg_table_size(c.relid) < 1073741824
         AND (c.n_dead_tup > 1000 + c.n_live_tup / 10 OR c.n_mod_since_analyze > 1000 + c.n_live_tup / 10))
  ORDER BY c.n_dead_tup DESC
  LIMIT 8`;

export class Maintenance {
  #logBytes = 0;
  #timer: Timer;
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(private readonly options: MaintenanceOptions) {
    this.#timer = this.#later();
  }

  /** The engine writes to one of its files. */
  wrote(path: string, bytes: number): void {
    if (!path.includes(LOG_FOLDER)) return;
    this.#logBytes += bytes;
    if (this.#logBytes >= CHECKPOINT_BYTES) this.#begin(() => this.#checkpoint());
  }

  /** Begins nothing more, waits for what is under way, and makes the next start a short one. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer.cancel();
    await this.#running;
    await this.#run("CHECKPOINT");
  }

  #later(): Timer {
    return this.options.clock.after(this.options.checkpointMs, () => {
      if (this.#stopped) return;
      this.#timer = this.#later();
      if (this.#logBytes > 0) this.#begin(() => this.#round());
    });
  }

  #begin(work: () => Promise<void>): void {
    if (this.#running !== null || this.#stopped) return;
    this.#running = work().finally(() => {
      this.#running = null;
    });
  }

  async #round(): Promise<void> {
    const worthwhile = await this.#run(WORTHWHILE);
    for (const [statement] of worthwhile ?? []) {
      if (!this.#stopped && typeof statement === "string") await this.#run(statement);
    }
    await this.#checkpoint();
  }

  async #checkpoint(): Promise<void> {
    const done = await this.#run("CHECKPOINT");
    // The checkpoint's own record is not worth another one.
    if (done !== null) this.#logBytes = 0;
  }

  /** The rows of a statement; `null` if it failed, which was logged. */
  async #run(sql: string): Promise<(string | null)[][] | null> {
    const { scheduler, log } = this.options;
    const { bytes, error } = await scheduler.runTask(queryMessage(sql));
    if (error === null) return readRows(bytes);
    log.warn({ sql, code: error.code, reason: error.message }, "database maintenance failed");
    return null;
  }
}
