/** The one way to a database: a `pg` pool, whichever engine answers behind it. */
import { Pool, type ClientBase, type PoolConfig, type QueryConfig, type QueryResultRow } from "pg";
import { FastChatError } from "../protocol/errors.js";
import { DISK_FULL, failureKind, IN_FAILED_TRANSACTION, isSqlState } from "./sqlstate.js";

/**
 * A statement. With a `name` the connection prepares it once, and after some calls the database keeps one plan for
 * all values: name a statement only if its text does not vary and no other plan will ever be better, as for an insert.
 */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
  /** What it does where it is not part of a batch or transaction, and does more than read: a full disk refuses it. */
  readonly does?: "store" | "remove";
  /** How long to wait for the answer, in milliseconds, where the database's own limit does not fit. */
  readonly timeoutMs?: number;
}

export interface Queryable {
  /**
   * Types arrive as `pg` reads them: `bigint` as a string, `bytea` as a Buffer, `timestamptz` as a Date, `uuid` as
   * a string with hyphens.
   *
   * @throws StoreError
   */
  query<Row extends QueryResultRow>(statement: Statement): Promise<{ rows: Row[]; rowCount: number }>;
}

export interface Database extends Queryable {
  /**
   * Runs `work` in one transaction on one connection and commits; rolls back if it throws.
   *
   * @throws StoreError; one of kind `retry` leaves open whether the transaction was committed
   */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /**
   * Runs statements in order in one transaction, all of them sent before the first answer arrives: one round trip.
   *
   * @returns how many rows each statement concerned
   * @throws StoreError of the first statement that failed; nothing of the batch is then written, except that one of
   * kind `retry` leaves open whether all of it was committed
   */
  batch(statements: readonly Statement[]): Promise<number[]>;
  /** Waits for what is under way, then closes all connections. */
  close(): Promise<void>;
}

/**
 * A failure of the database, sorted by what helps. Its code is `diskFull`, `unavailable` for any other `retry`, or
 * `internal`.
 *
 * - `retry`: connection, conflict, space or overload: the same statement may succeed later; its outcome may be unknown.
 * - `rejected`: this data is refused (SQLSTATE class 22 or 23); the same statement will never succeed.
 * - `defect`: the statement itself is wrong.
 */
export class StoreError extends FastChatError {
  constructor(
    readonly kind: "retry" | "rejected" | "defect",
    /** SQLSTATE or a system error code; `unknown` where there is none. */
    readonly reason: string,
    /** The constraint that refused the data, where one is known. */
    readonly constraint: string | undefined,
    message: string,
    options?: ErrorOptions,
  ) {
    const retryCode = reason === DISK_FULL ? "diskFull" : "unavailable";
    super(kind === "retry" ? retryCode : "internal", message, undefined, options);
  }
}

/** Whether the same work may succeed later. */
export function isPassing(error: unknown): error is StoreError {
  return error instanceof StoreError && error.kind === "retry";
}

/** Sorts any error of `pg` into a {@link StoreError}. */
export function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const { code, constraint, message } = (error ?? {}) as {
    code?: string;
    constraint?: string;
    message?: string;
  };
  // `pg` itself throws these on values that it cannot send.
  const unfit = code === undefined && (error instanceof TypeError || error instanceof RangeError);
  const reason = code ?? "unknown";
  return new StoreError(
    unfit ? "defect" : failureKind(reason),
    reason,
    constraint,
    `database: ${message ?? String(error)}`,
    { cause: error },
  );
}

/** What is used of a connection of `pg`. */
export interface PgClient {
  query<Row extends QueryResultRow>(
    config: QueryConfig,
  ): Promise<{ rows: Row[]; rowCount: number | null; command: string }>;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  /** Gives the connection back, or closes it where something broke it. */
  release(broken?: Error): void;
}

/** What is used of a pool of `pg`. */
export interface PgPool {
  connect(): Promise<PgClient>;
  end(): Promise<void>;
}

const BEGIN: Statement = { text: "BEGIN" };
const COMMIT: Statement = { text: "COMMIT" };
const ROLLBACK: Statement = { text: "ROLLBACK" };

/** A database behind a pool of `pg`. */
export class PgDatabase implements Database {
  #closed: Promise<void> | null = null;

  constructor(private readonly pool: PgPool) {}

  query<Row extends QueryResultRow>(statement: Statement): Promise<{ rows: Row[]; rowCount: number }> {
    return this.#hold((connection) => connection.query<Row>(statement));
  }

  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    return this.#hold(async (connection) => {
      // What follows travels behind it; where it fails, the connection has, and all of that with it.
      const begun = connection.query(BEGIN);
      begun.catch(() => undefined);
      let result: T;
      try {
        result = await work(connection);
        await begun;
      } catch (error) {
        await connection.rollback();
        throw error;
      }
      await connection.commit();
      return result;
    });
  }

  batch(statements: readonly Statement[]): Promise<number[]> {
    const [first, ...more] = statements;
    if (first === undefined) return Promise.resolve([]);
    return this.#hold(async (connection) => {
      if (more.length === 0) return [(await connection.query(first)).rowCount];
      // After a failed statement the database refuses those behind it, and takes COMMIT for ROLLBACK.
      const begun = connection.query(BEGIN);
      const answers = statements.map((statement) => connection.query(statement));
      const committed = connection.commit();
      const ends = await Promise.allSettled([begun, ...answers, committed]);
      const failed = ends.find((end) => end.status === "rejected");
      if (failed !== undefined) throw failed.reason;
      return (await Promise.all(answers)).map(({ rowCount }) => rowCount);
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.pool.end();
    return this.#closed;
  }

  async #hold<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    let client: PgClient;
    try {
      client = await this.pool.connect();
    } catch (error) {
      throw storeError(error);
    }
    const connection = new Connection(client);
    try {
      return await work(connection);
    } finally {
      connection.release();
    }
  }
}

/** A connection while somebody holds it. */
class Connection implements Queryable {
  #broken: Error | undefined;

  constructor(private readonly client: PgClient) {
    // The pool listens on idle connections only: without a listener a lost connection would end the thread.
    client.on("error", this.#onError);
  }

  readonly #onError = (error: Error): void => {
    this.#broken ??= error;
  };

  async query<Row extends QueryResultRow>(statement: Statement): Promise<{ rows: Row[]; rowCount: number }> {
    const { rows, rowCount } = await this.#send<Row>(statement);
    return { rows, rowCount: rowCount ?? 0 };
  }

  async commit(): Promise<void> {
    const { command } = await this.#send(COMMIT);
    if (command === "ROLLBACK") {
      throw new StoreError(
        "defect",
        IN_FAILED_TRANSACTION,
        undefined,
        "A transaction went on after a statement of it had failed.",
      );
    }
  }

  /** Never throws: the failure that led here says more than a failure to roll back, which ends the connection. */
  async rollback(): Promise<void> {
    if (this.#broken !== undefined) return;
    await this.#send(ROLLBACK).catch(this.#onError);
  }

  release(): void {
    this.client.release(this.#broken);
    this.client.removeListener("error", this.#onError);
  }

  async #send<Row extends QueryResultRow>({ name, text, values, timeoutMs }: Statement) {
    try {
      return await this.client.query<Row>({
        ...(name === undefined ? {} : { name }),
        ...(timeoutMs === undefined ? {} : { query_timeout: timeoutMs }),
        text,
        values: values === undefined ? [] : [...values],
      });
    } catch (error) {
      // After anything but an ordinary answer of the database nobody knows what the connection will read next.
      if (!isOrdinaryAnswer(error)) this.#onError(error instanceof Error ? error : new Error(String(error)));
      throw storeError(error);
    }
  }
}

/** Whether the database itself said no and goes on serving the connection. */
function isOrdinaryAnswer(error: unknown): boolean {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  return isSqlState(code) && severity !== "FATAL" && severity !== "PANIC";
}

/** Where a database is: a PostgreSQL address, or the Unix socket of the embedded engine. */
export type DatabaseAddress =
  { readonly kind: "url"; readonly url: string } | { readonly kind: "socket"; readonly directory: string };

/** How much longer than the database itself we wait for it to give up a statement, in milliseconds. */
const GRACE_MS = 1000;
/** A connection that says nothing for so long is asked whether it still lives, in milliseconds. */
const KEEP_ALIVE_MS = 10_000;

/**
 * Opens a pool. It connects when it is first used.
 *
 * @param connections the most connections held at once
 * @param timeoutMs how long to wait for a connection, and then for the answer to a statement, in milliseconds
 * @param onError told of failures of idle connections, which nobody is waiting for
 */
export function openDatabase(
  address: DatabaseAddress,
  connections: number,
  timeoutMs: number,
  onError: (error: Error) => void,
): Database {
  const pool = new Pool({
    ...location(address, timeoutMs),
    max: connections,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs + GRACE_MS,
    // A connection is worth keeping for the statements it has prepared.
    idleTimeoutMillis: 0,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    pipeline: true,
  });
  pool.on("error", onError);
  return new PgDatabase(pool);
}

function location(address: DatabaseAddress, timeoutMs: number): PoolConfig {
  switch (address.kind) {
    case "socket":
      // The embedded engine has one session for all connections, and its settings are made where it is started.
      return { host: address.directory, user: "postgres", database: "postgres" };
    case "url":
      return { connectionString: address.url, application_name: "fastchat", ...sessionSettings(timeoutMs) };
  }
}

/** Settings of each connection. The pool waits for them before it hands the connection out, which its types do not say. */
function sessionSettings(timeoutMs: number): { onConnect(client: ClientBase): Promise<void> } {
  return {
    async onConnect(client) {
      await client.query({ text: SESSION_SETTINGS, values: [String(timeoutMs)] });
    },
  };
}

/**
 * The server ends what we no longer wait for, and a transaction whose client is gone. What it says is committed must
 * be on its disk, whatever its default is; an operator's stricter choice, or one about replicas, stays.
 */
const SESSION_SETTINGS = `
  SELECT set_config('statement_timeout', $1, false),
         set_config('idle_in_transaction_session_timeout', $1, false),
         CASE current_setting('synchronous_commit')
           WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END`;
