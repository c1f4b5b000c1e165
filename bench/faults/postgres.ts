/** PostgreSQL for a run: two databases, reached through gates of the run's own. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { Gate } from "./gate.js";

export interface DatabaseUrls {
  readonly service: string;
  readonly archive: string;
}

export interface RunDatabases {
  /** With the gates' ports. */
  readonly urls: DatabaseUrls;
  readonly gates: readonly Gate[];
  /** Removes what was made. */
  close(): Promise<void>;
}

const DEFAULT_PORT = 5432;

/**
 * @param database address of the service's database; where `archiveDatabase` is missing, of somebody who may make roles
 *   and databases: then two are made for the run, each under a role of its own, and dropped afterwards
 */
export async function openRunDatabases(
  database: string,
  archiveDatabase: string | undefined,
): Promise<RunDatabases> {
  const made = archiveDatabase === undefined ? await makeDatabases(database) : null;
  const given = made ?? { service: database, archive: archiveDatabase ?? "" };
  const gates: Gate[] = [];
  const through = async (url: string): Promise<string> => {
    const address = new URL(url);
    const gate = await Gate.open({ host: address.hostname, port: Number(address.port || DEFAULT_PORT) });
    gates.push(gate);
    address.hostname = "127.0.0.1";
    address.port = String(gate.port);
    return address.href;
  };
  return {
    urls: { service: await through(given.service), archive: await through(given.archive) },
    gates,
    async close() {
      for (const gate of gates) gate.close();
      if (made !== null) await dropDatabases(database, Object.values(made));
    },
  };
}

async function makeDatabases(admin: string): Promise<DatabaseUrls> {
  return withAdmin(admin, async (client) => {
    const make = async (): Promise<string> => {
      const name = `fastchat_faults_${randomBytes(6).toString("hex")}`;
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
