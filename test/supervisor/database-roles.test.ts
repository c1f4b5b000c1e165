/** Neither database's role may be able to read the other. */
import { Client } from "pg";
import t, { type Test } from "tap";
import { lendDatabases, type DatabaseUrls } from "../../bench/databases.js";
import type { Log } from "../../src/protocol/runtime.js";
import { storeError, type Database } from "../../src/store/database.js";
import { refuseReader, type Side } from "../../src/supervisor/database-roles.js";
import { visitor, type Visit } from "../../src/supervisor/database-visit.js";
import { migrateDatabases, type Databases } from "../../src/supervisor/databases.js";

const TIMEOUT_MS = 10_000;

const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

function side(setting: Side["setting"], url: string): Side {
  return { setting, address: { kind: "url", url } };
}

/** Only the other's own role gets in. */
function turnedAwayWith(failure: { code?: string; message: string }): Visit {
  return (one, work) => {
    const query = one.setting.includes("tried with")
      ? () => Promise.reject(storeError(Object.assign(new Error(failure.message), failure)))
      : () => Promise.resolve({ rows: [{ role: "b", tables: ["1"] }], rowCount: 1 });
    return work({ query } as unknown as Database);
  };
}

t.test("who is turned away cannot read; who cannot ask does not know", async (t) => {
  const service = side("database", "postgres://a@h/x");
  const archive = side("archiveDatabase", "postgres://b@h/y");
  for (const failure of [
    { code: "28P01", message: "password authentication failed" },
    { code: "28000", message: "no pg_hba.conf entry" },
    { code: "42501", message: "permission denied for database" },
    { code: "3D000", message: "no such database" },
    { code: "08P01", message: "no such user" },
    { code: "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", message: "unknown ca" },
    { message: "SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string" },
  ]) {
    await t.resolves(refuseReader(turnedAwayWith(failure), service, archive), failure.message);
  }
  for (const failure of [
    { code: "53300", message: "too many clients already" },
    { code: "57P03", message: "the database system is starting up" },
    { code: "ECONNREFUSED", message: "connect ECONNREFUSED" },
    { message: "timeout expired" },
  ]) {
    await t.rejects(refuseReader(turnedAwayWith(failure), service, archive), {
      code: "unavailable",
      message: `database: ${failure.message}`,
    });
  }
});

const admin = process.env["FASTCHAT_TEST_ADMIN_URL"] ?? "";

t.test(
  "on PostgreSQL",
  { skip: admin === "" ? "FASTCHAT_TEST_ADMIN_URL names no superuser of a PostgreSQL" : false },
  async (t) => {
    await t.test("two roles that have a database each are taken, at every start", async (t) => {
      const { urls } = await lend(t);
      await start(urls);
      await start(urls);
    });

    await t.test("to be let in without being able to read is no harm", async (t) => {
      const { urls, sql, roles } = await lend(t);
      await sql(`GRANT CONNECT ON DATABASE ${roles.archive} TO PUBLIC`);
      await start(urls);
    });

    await t.test("a superuser is refused for either, before anything is written", async (t) => {
      const { urls, tables } = await lend(t);
      const superuser = (url: string) =>
        Object.assign(new URL(admin), { pathname: new URL(url).pathname }).href;
      await refused(
        t,
        { ...urls, service: superuser(urls.service) },
        /^database \(.+\): its role \w+ is a superuser, and a superuser reads every database of its server, the archives' database too\. /,
      );
      await refused(
        t,
        { ...urls, archive: superuser(urls.archive) },
        /^archiveDatabase \(.+\): its role \w+ is a superuser, .+ the service's database too\. /,
      );
      t.same(await tables(), []);
    });

    await t.test("a role with a power over the whole server is refused", async (t) => {
      const { urls, sql, roles } = await lend(t);
      for (const [grant, revoke, why] of [
        ...[
          "pg_read_all_data",
          "pg_read_server_files",
          "pg_write_server_files",
          "pg_execute_server_program",
        ].map(
          (role) =>
            [
              `GRANT ${role} TO ${roles.service}`,
              `REVOKE ${role} FROM ${roles.service}`,
              `is a member of ${role}, which may get at all that its server holds, the archives' database too`,
            ] as const,
        ),
        [
          `ALTER ROLE ${roles.service} REPLICATION`,
          `ALTER ROLE ${roles.service} NOREPLICATION`,
          "has REPLICATION, and may so copy all that its server holds, the archives' database too",
        ],
      ] as const) {
        await sql(grant);
        await refused(t, urls, `its role ${roles.service} ${why}. `);
        await sql(revoke);
      }
      await start(urls);
    });

    await t.test("CREATEROLE is refused where it is a way into every role", async (t) => {
      const { urls, sql, roles } = await lend(t);
      await sql(`ALTER ROLE ${roles.archive} CREATEROLE`);
      const [{ version }] = await sql<{ version: string }>(
        "SELECT current_setting('server_version_num') AS version",
      );
      if (Number(version) >= 160_000) await start(urls);
      else await refused(t, urls, `its role ${roles.archive} has CREATEROLE, and may so`);
    });

    await t.test("one role for both, or a member of the other's, is refused", async (t) => {
      const { urls, sql, roles } = await lend(t);
      await sql(`GRANT ${roles.archive} TO ${roles.service}`);
      const member = `its role ${roles.service} is a member of ${roles.archive}, the role of the archives' database. `;
      await refused(t, urls, member);
      await sql(`ALTER ROLE ${roles.service} NOINHERIT`);
      await refused(t, urls, member);
      await sql(
        `REVOKE ${roles.archive} FROM ${roles.service}`,
        `ALTER DATABASE ${roles.archive} OWNER TO ${roles.service}`,
      );
      const one = Object.assign(new URL(urls.service), { pathname: roles.archive }).href;
      await refused(
        t,
        { ...urls, archive: one },
        `its role ${roles.service} is that of the archives' database, too. `,
      );
    });

    await t.test("a role that was granted a table, or a column of one, is refused, either way", async (t) => {
      const { urls, sql, roles, inArchive, inService } = await lend(t);
      await start(urls);
      await sql(
        `GRANT CONNECT ON DATABASE ${roles.archive} TO ${roles.service}`,
        `GRANT CONNECT ON DATABASE ${roles.service} TO ${roles.archive}`,
      );
      await start(urls);
      const message = `its role ${roles.service} may read the archives' database (table entries). `;
      await inArchive(`GRANT SELECT (sealed) ON entries TO ${roles.service}`);
      await refused(t, urls, message);
      await inArchive("REVOKE USAGE ON SCHEMA public FROM PUBLIC");
      await start(urls);
      await inArchive(`GRANT USAGE ON SCHEMA public TO ${roles.service}`);
      await refused(t, urls, message);
      await inArchive(`REVOKE SELECT (sealed) ON entries FROM ${roles.service}`);
      await start(urls);
      await inService("GRANT SELECT ON accounts TO PUBLIC");
      await refused(
        t,
        urls,
        new RegExp(
          `^archiveDatabase \\(.+\\): its role ${roles.archive} may read the service's database \\(table accounts\\)\\. `,
        ),
      );
    });

    await t.test("what it may read as another role, it may read", async (t) => {
      const { urls, sql, roles, inArchive, inService } = await lend(t);
      await start(urls);
      const group = readersOf(roles);
      // Without INHERIT it will not be its own schema's owner either.
      await inService(`GRANT ALL ON SCHEMA public TO ${roles.service}`);
      await sql(
        `CREATE ROLE ${group}`,
        `GRANT ${group} TO ${roles.service}`,
        `ALTER ROLE ${roles.service} NOINHERIT`,
        `GRANT CONNECT ON DATABASE ${roles.archive} TO ${roles.service}`,
      );
      await inArchive(`GRANT SELECT ON archives TO ${group}`);
      await refused(t, urls, `its role ${roles.service} may read the archives' database (table archives). `);
    });

    await t.test("a superuser of another server is refused where it gets in", async (t) => {
      const { urls } = await lend(t);
      await start(urls);
      const visit = visitor(TIMEOUT_MS, SILENT);
      await t.rejects(refuseReader(visit, side("archiveDatabase", admin), side("database", urls.service)), {
        code: "badConfig",
        message: / is a superuser, .+ the service's database too\. /,
      });
    });
  },
);

interface Lent {
  readonly urls: DatabaseUrls;
  /** Each database's role is named as the database is. */
  readonly roles: DatabaseUrls;
  /** As the administrator; the rows of the last statement. */
  readonly sql: <Row = unknown>(...statements: string[]) => Promise<[Row]>;
  readonly inService: (statement: string) => Promise<unknown>;
  readonly inArchive: (statement: string) => Promise<unknown>;
  /** Tables of both databases. */
  readonly tables: () => Promise<unknown[]>;
}

/** A role of a test's own that may come with the two. */
function readersOf({ archive }: DatabaseUrls): string {
  return `${archive}_readers`;
}

async function lend(t: Test): Promise<Lent> {
  const lent = await lendDatabases(admin, undefined);
  const { urls } = lent;
  const roles = { service: new URL(urls.service).username, archive: new URL(urls.archive).username };
  t.after(async () => {
    // With the databases go the grants in them, which would keep the roles.
    for (const name of Object.values(roles)) await withAdmin(admin, `DROP DATABASE ${name} WITH (FORCE)`);
    await withAdmin(admin, `DROP ROLE IF EXISTS ${readersOf(roles)}`);
    await lent.close();
  });
  return {
    urls,
    roles,
    sql: async <Row>(...statements: string[]) => (await withAdmin(admin, ...statements)) as [Row],
    inService: (statement) => withAdmin(urls.service, statement),
    inArchive: (statement) => withAdmin(urls.archive, statement),
    async tables() {
      const list = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace";
      return [...(await withAdmin(urls.service, list)), ...(await withAdmin(urls.archive, list))];
    },
  };
}

async function withAdmin(url: string, ...statements: string[]): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    let rows: unknown[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

/** What a start does with the databases. */
function start({ service, archive }: DatabaseUrls): Promise<void> {
  const place = (url: string) => ({ address: { kind: "url", url }, folder: null }) as const;
  const databases: Databases = { service: place(service), archive: place(archive) };
  return migrateDatabases(databases, TIMEOUT_MS, SILENT);
}

/** With a message that says why, what to do, and no password, on one line. */
async function refused(t: Test, urls: DatabaseUrls, why: string | RegExp): Promise<void> {
  const message = await start(urls).then(
    () => "it was not refused",
    (error: { code?: string; message: string }) => {
      t.equal(error.code, "badConfig");
      return error.message;
    },
  );
  if (typeof why === "string") t.ok(message.includes(why), `${message} has: ${why}`);
  else t.match(message, why);
  t.match(
    message,
    /CREATE ROLE fastchat LOGIN .+; REVOKE ALL ON DATABASE fastchat FROM PUBLIC; .+OPERATIONS\.md/,
  );
  t.notMatch(message, "\n");
  for (const url of Object.values(urls) as string[]) {
    const { password } = new URL(url);
    if (password !== "") t.notOk(message.includes(password));
  }
}
