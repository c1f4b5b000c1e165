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

/** What a thread knows of its database; shared by all its pools that lead there. */
export class DatabaseHealth {
  /** What began it is what must succeed for a full disk to be over: reading goes on meanwhile. */
  #trouble: { readonly kind: DatabaseTrouble; readonly since: number; readonly by: string } | null = null;
  #closed = false;

  constructor(private readonly options: DatabaseHealthOptions) {}

  /** Failures from now on are those of a pool that is being closed. */
  close(): void {
    this.#closed = true;
  }

  succeeded(what: string): void {
    const trouble = this.#trouble;
    if (trouble === null || (trouble.kind === "diskFull" && trouble.by !== what)) return;
    this.#trouble = null;
    const { clock, log, onChange } = this.options;
    const afterMs = Math.round(clock.now() - trouble.since);
    const told = trouble.kind === "diskFull" ? "the database has space again" : "the database answers again";
    log.info({ afterMs }, told);
    onChange(null);
  }

  failed(what: string, error: unknown): void {
    if (this.#closed || !(error instanceof StoreError)) return;
    if (error.kind === "retry" && error.code === "diskFull") return this.#began("diskFull", what, error);
    if (error.kind === "retry" && isAway(error.reason)) {
      return this.#began("databaseUnreachable", what, error);
    }
    // It refused something, and so it answers.
    if (this.#trouble?.kind === "databaseUnreachable") this.succeeded(what);
  }

  #began(kind: DatabaseTrouble, by: string, { reason, message }: StoreError): void {
    if (this.#trouble?.kind === kind) return;
    const { clock, log, onChange } = this.options;
    this.#trouble = { kind, since: clock.now(), by };
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
  async function watch<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      health.succeeded(what);
      return result;
    } catch (error) {
      health.failed(what, error);
      throw error;
    }
  }
  return {
    query: <Row extends QueryResultRow>(statement: Statement) =>
      watch("query", () => db.query<Row>(statement)),
    transaction: <T>(work: (tx: Queryable) => Promise<T>) => watch("write", () => db.transaction(work)),
    batch: (statements) => watch("write", () => db.batch(statements)),
    close() {
      health.close();
      return db.close();
    },
  };
}
