/** The one way to a database: a `pg` pool, whichever engine answers behind it. */
import { Pool, type PoolClient, type PoolConfig, type QueryConfig, type QueryResultRow } from "pg";
import { FastChatError } from "../protocol/errors.js";

/** A statement. With a `name` the connection prepares it once; give one to statements whose text does not vary. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
  /** How long to wait for the answer, in milliseconds, where the database's own limit does not fit. */
  readonly timeoutMs?: number;
}

export interface Queryable {
  /** @throws StoreError */
  query<Row extends QueryResultRow>(statement: Statement): Promise<{ rows: Row[]; rowCount: number }>;
}

export interface Database extends Queryable {
  /**
   * Runs `work` in one transaction on one connection and commits; rolls back if it throws.
   *
   * @throws StoreError whose `outcome` is `unknown` where the connection was lost during the commit
   */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * A failure of the database, sorted by what helps.
 *
 * - `retry`: connection, conflict, space or overload: the same statement may succeed later; its outcome may be unknown.
 * - `rejected`: this data is refused (SQLSTATE class 22 or 23); the same statement will never succeed.
 * - `defect`: the statement itself is wrong.
 */
export class StoreError extends FastChatError {
  constructor(
    readonly kind: "retry" | "rejected" | "defect",
    /** SQLSTATE or a system error code, where one is known. */
    readonly reason: string,
    /** The constraint that refused the data, where one is known. */
    readonly constraint: string | undefined,
    message: string,
    options?: ErrorOptions,
  ) {
    super(kind === "retry" ? "unavailable" : "internal", message, undefined, options);
  }
}

/** Sorts any error of `pg` into a {@link StoreError}. */
export function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const { code, constraint, message } = (error ?? {}) as {
    code?: string;
    constraint?: string;
    message?: string;
  };
  const reason = code ?? "unknown";
  return new StoreError(kindOf(reason), reason, constraint, `database: ${message ?? String(error)}`, {
    cause: error,
  });
}

function kindOf(reason: string): StoreError["kind"] {
  if (/^(22|23)...$/.test(reason)) return "rejected";
  if (/^(42|0A|26)...$/.test(reason)) return "defect";
  // 08 connection, 25 transaction state, 40 conflict, 53 resources, 55 not ready, 57 operator, 58 system, XX internal,
  // and everything the socket says: the statement may succeed on another connection or later.
  return "retry";
}

/** A database behind a `pg` pool. */
export class PgDatabase implements Database {
  constructor(private readonly pool: Pick<Pool, "query" | "connect" | "end">) {}

  async query<Row extends QueryResultRow>(statement: Statement): Promise<{ rows: Row[]; rowCount: number }> {
    try {
      return counted(await this.pool.query<Row>(mutable(statement)));
    } catch (error) {
      throw storeError(error);
    }
  }

  async transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    let client: PoolClient;
    try {
      client = await this.pool.connect();
    } catch (error) {
      throw storeError(error);
    }
    let broken: Error | undefined;
    try {
      await client.query("BEGIN");
      const result = await work(on(client));
      await client.query("COMMIT");
      return result;
    } catch (error) {
      await client.query("ROLLBACK").catch((failure: Error) => {
        broken = failure;
      });
      throw error instanceof FastChatError ? error : storeError(error);
    } finally {
      // A connection that could not roll back is thrown away, not given to the next transaction.
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}

function on(client: PoolClient): Queryable {
  return {
    async query<Row extends QueryResultRow>(statement: Statement) {
      try {
        return counted(await client.query<Row>(mutable(statement)));
      } catch (error) {
        throw storeError(error);
      }
    },
  };
}

function counted<Row>(result: { rows: Row[]; rowCount: number | null }): { rows: Row[]; rowCount: number } {
  return { rows: result.rows, rowCount: result.rowCount ?? 0 };
}

function mutable({ name, text, values, timeoutMs }: Statement): QueryConfig {
  return {
    ...(name === undefined ? {} : { name }),
    ...(timeoutMs === undefined ? {} : { query_timeout: timeoutMs }),
    text,
    values: values === undefined ? [] : [...values],
  };
}

/** Where a database is: a PostgreSQL address, or the Unix socket of the embedded engine. */
export type DatabaseAddress =
  { readonly kind: "url"; readonly url: string } | { readonly kind: "socket"; readonly directory: string };

/**
 * Opens a pool.
 *
 * @param connections the most connections held at once
 * @param timeoutMs how long to wait for a connection, in milliseconds
 * @param onError told of failures of idle connections, which nobody is waiting for
 */
export function openDatabase(
  address: DatabaseAddress,
  connections: number,
  timeoutMs: number,
  onError: (error: Error) => void,
): Database {
  const where: PoolConfig =
    address.kind === "url"
      ? { connectionString: address.url }
      : { host: address.directory, user: "postgres", database: "postgres" };
  const pool = new Pool({ ...where, max: connections, connectionTimeoutMillis: timeoutMs });
  pool.on("error", onError);
  return new PgDatabase(pool);
}
