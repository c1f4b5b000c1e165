/** PostgreSQL for a run of the laboratory: two databases that are there, or that are made for it. */
import { randomBytes } from "node:crypto";
import pg from "pg";

export interface DatabaseUrls {
  readonly service: string;
  readonly archive: string;
}

/** Options of a command that runs on either engine. */
export interface DatabaseOptions {
  readonly database: string | undefined;
  readonly "archive-database": string | undefined;
}

/** Spread into the options of a command. */
export const DATABASE_OPTIONS = {
  database: {
    type: "string",
    describe:
      "PostgreSQL in place of embedded databases: the service's database; without --archive-database somebody's who may make databases, and two are made for the run",
  },
  "archive-database": { type: "string", describe: "PostgreSQL database of the archives" },
} as const;

export interface LentDatabases {
  readonly urls: DatabaseUrls;
  /** Removes what was made. */
  close(): Promise<void>;
}

/** @returns `null` where the run is to have embedded databases; else as {@link lendDatabases} */
export function lendIfNamed(options: DatabaseOptions): Promise<LentDatabases | null> {
  if (options.database === undefined) return Promise.resolve(null);
  return lendDatabases(options.database, options["archive-database"]);
}

/** Settings of a system that is to use them; none for embedded ones. */
export function databaseSettings(lent: LentDatabases | null): Record<string, string> {
  if (lent === null) return {};
  const { service, archive } = lent.urls;
  return { FASTCHAT_DATABASE: service, FASTCHAT_ARCHIVE_DATABASE: archive };
}

/**
 * @param database address of the service's database; where `archiveDatabase` is missing, of somebody who may make roles
 *   and databases: then two are made for the run, each under a role of its own, and dropped afterwards
 */
export async function lendDatabases(
  database: string,
  archiveDatabase: string | undefined,
): Promise<LentDatabases> {
  if (archiveDatabase !== undefined) {
    return { urls: { service: database, archive: archiveDatabase }, close: () => Promise.resolve() };
  }
  const urls = await makeDatabases(database);
  return { urls, close: () => dropDatabases(database, Object.values(urls)) };
}

async function makeDatabases(admin: string): Promise<DatabaseUrls> {
  return withAdmin(admin, async (client) => {
    const make = async (): Promise<string> => {
      const name = `fastchat_bench_${randomBytes(6).toString("hex")}`;
      const password = randomBytes(16).toString("hex");
      await client.query(
        `CREATE ROLE ${name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '${password}'`,
      );
      await client.query(`CREATE DATABASE ${name} OWNER ${name}`);
      await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
      const url = new URL(admin);
      url.username = name;
      url.password = password;
      url.pathname = `/${name}`;
      return url.href;
    };
    return { service: await make(), archive: await make() };
  });
}

async function dropDatabases(admin: string, urls: readonly string[]): Promise<void> {
  await withAdmin(admin, async (client) => {
    for (const url of urls) {
      const name = new URL(url).username;
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await client.query(`DROP ROLE IF EXISTS ${name}`);
    }
  });
}

async function withAdmin<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
