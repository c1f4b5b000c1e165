/** Versioned migrations: what a database must have gone through before this release may use it. */
import { FastChatError } from "../protocol/errors.js";
import type { Database, Queryable } from "./database.js";

/** One step. Once released it is never changed; what it got wrong, a later step mends. */
export interface Migration {
  /** Counts up from 1 without gaps. */
  readonly version: number;
  /** What it brings, for people who look into the table. */
  readonly name: string;
  /** Run in order, one statement each. */
  readonly statements: readonly string[];
}

/** All steps of one schema, oldest first. */
export interface Migrations {
  /** Under this name the versions are recorded, so that two schemas may share one database. */
  readonly schema: "service" | "archive";
  readonly steps: readonly Migration[];
}

/** Number of our transaction-level advisory lock: "fastchat" in ASCII, which fits a signed 64-bit integer. */
const MIGRATION_LOCK = "7377304608330768756";

/** A step over a full table may take long, and so may waiting for another thread's; in milliseconds. */
const MIGRATION_TIMEOUT_MS = 3_600_000;

/**
 * Brings a database to the newest version, in one transaction: all steps or none. Several threads and processes may
 * call it at once; one works, the others wait and find nothing to do.
 *
 * @returns the version found (0 in an empty database) and the version reached
 * @throws FastChatError `dataNewer` where a newer release wrote the database, which is then left as it is
 * @throws StoreError
 */
export async function migrate(db: Database, migrations: Migrations): Promise<{ from: number; to: number }> {
  return db.transaction((tx) => migrateIn(tx, migrations));
}

/** As {@link migrate}, within a transaction that does more. */
export async function migrateIn(
  tx: Queryable,
  { schema, steps }: Migrations,
): Promise<{ from: number; to: number }> {
  const to = steps.length;
  await run(tx, `SET LOCAL statement_timeout = ${MIGRATION_TIMEOUT_MS}`);
  await run(tx, `SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
  await run(
    tx,
    `CREATE TABLE IF NOT EXISTS schema_versions (
      schema text NOT NULL,
      version integer NOT NULL,
      name text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (schema, version)
    )`,
  );
  const from = await newestVersion(tx, schema);
  refuseNewer(schema, from, to);
  for (const { version, name, statements } of steps.slice(from)) {
    for (const statement of statements) await run(tx, statement);
    await tx.query({
      text: "INSERT INTO schema_versions (schema, version, name) VALUES ($1, $2, $3)",
      values: [schema, version, name],
    });
  }
  return { from, to };
}

/** @throws FastChatError `dataNewer` where version `found` is one that this release, which knows `known`, does not know */
export function refuseNewer(schema: Migrations["schema"], found: number, known: number): void {
  if (found <= known) return;
  throw new FastChatError(
    "dataNewer",
    `The database of the ${schema} has version ${found}; this release knows versions up to ${known}.`,
  );
}

/** The version that a database has reached; it must have its table of versions. @throws StoreError */
export async function newestVersion(tx: Queryable, schema: string): Promise<number> {
  const { rows } = await tx.query<{ newest: number | null }>({
    text: "SELECT max(version) AS newest FROM schema_versions WHERE schema = $1",
    values: [schema],
  });
  return rows[0]?.newest ?? 0;
}

async function run(tx: Queryable, text: string): Promise<void> {
  await tx.query({ text, timeoutMs: MIGRATION_TIMEOUT_MS });
}
