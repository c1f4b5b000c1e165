/**
 * Watches how a database fares, for those who run the service: told once when it goes away or has no space left, and
 * once when that is over, however many statements fail in between.
 */
import type { Clock, Log } from "../protocol/runtime.js";
import type { QueryResultRow } from "pg";
import { StoreError, type Database, type Queryable, type Statement } from "./database.js";
import { isAway } from "./sqlstate.js";

/** What is wrong with a database, as a code of the error table. */
export type DatabaseTrouble = "databaseUnreachable" | "diskFull";

export interface DatabaseHealthOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Told of every change; `null` once all is well again. */
  readonly onChange: (trouble: DatabaseTrouble | null) => void;
}

/** What was done, by the space it takes: on a full disk reading goes on, and removing may. */
const SPACE = { read: 0, remove: 1, store: 2 } as const;

type Done = keyof typeof SPACE;

interface Trouble {
  readonly kind: DatabaseTrouble;
  readonly since: number;
  /** What a full disk refused. Only what takes as much space, and was done, says that there is some again. */
  refused: Done;
}

/** What a thread knows of its database; shared by all its pools that lead there. */
export class DatabaseHealth {
  #trouble: Trouble | null = null;
  #closed = false;

  constructor(private readonly options: DatabaseHealthOptions) {}

  /** Failures from now on are those of a pool that is being closed. */
  close(): void {
    this.#closed = true;
  }

  succeeded(done: Done): void {
    const trouble = this.#trouble;
    if (trouble === null || (trouble.kind === "diskFull" && SPACE[done] < SPACE[trouble.refused])) return;
    this.#trouble = null;
    const { clock, log, onChange } = this.options;
    const afterMs = Math.round(clock.now() - trouble.since);
    const told = trouble.kind === "diskFull" ? "the database has space again" : "the database answers again";
    log.info({ afterMs }, told);
    onChange(null);
  }

  failed(tried: Done, error: unknown): void {
    if (this.#closed || !(error instanceof StoreError)) return;
    if (error.kind === "retry" && error.code === "diskFull") {
      // What sorts on the disk can be refused, too, while the next read needs no space.
      return this.#began("diskFull", tried === "read" ? "remove" : tried, error);
    }
    if (error.kind === "retry" && isAway(error.reason)) {
      return this.#began("databaseUnreachable", "read", error);
    }
    // It refused something, and so it answers.
    if (this.#trouble?.kind === "databaseUnreachable") this.succeeded("read");
  }

  #began(kind: DatabaseTrouble, refused: Done, { reason, message }: StoreError): void {
    if (this.#trouble?.kind === kind) {
      if (SPACE[refused] > SPACE[this.#trouble.refused]) this.#trouble.refused = refused;
      return;
    }
    const { clock, log, onChange } = this.options;
    this.#trouble = { kind, since: clock.now(), refused };
    const told =
      kind === "diskFull"
        ? "the database's disk is full: nothing more is accepted that has to be stored; free some space"
        : "the database is away: what needs it waits";
    log.error({ code: kind, reason, why: message }, told);
    onChange(kind);
  }
}

/** The same database, watched. */
export function watchedDatabase(db: Database, health: DatabaseHealth): Database {
  /** @param done what was done, by its result: a statement that found nothing to change has only read */
  async function watch<T>(tried: Done, work: () => Promise<T>, done: (result: T) => Done): Promise<T> {
    try {
      const result = await work();
      health.succeeded(done(result));
      return result;
    } catch (error) {
      health.failed(tried, error);
      throw error;
    }
  }
  return {
    query<Row extends QueryResultRow>(statement: Statement) {
      const does = statement.does ?? "read";
      return watch(
        does,
        () => db.query<Row>(statement),
        ({ rowCount }) => (rowCount > 0 ? does : "read"),
      );
    },
    transaction: <T>(work: (tx: Queryable) => Promise<T>) =>
      watch(
        "store",
        () => db.transaction(work),
        () => "store",
      ),
    async batch(statements) {
      if (statements.length === 0) return [];
      return watch(
        "store",
        () => db.batch(statements),
        (counts) => (counts.some((count) => count > 0) ? "store" : "read"),
      );
    },
    close() {
      health.close();
      return db.close();
    },
  };
}
