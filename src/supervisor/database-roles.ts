/**
 * Whether the role of either database could read the other: what the two store must not be joined (docs/SECURITY.md,
 * "Who runs the machine or the databases").
 */
import { withoutCredentials } from "../node/credentials.js";
import { FastChatError } from "../protocol/errors.js";
import { StoreError, type Database, type DatabaseAddress } from "../store/database.js";
import { addressWithRoleOf } from "./address-with-role.js";
import type { Visit } from "./database-visit.js";

/** One of the two databases. */
export interface Side {
  readonly setting: "database" | "archiveDatabase";
  readonly address: DatabaseAddress;
}

const WHOSE = { database: "the service's database", archiveDatabase: "the archives' database" } as const;

/** Roles of PostgreSQL's own whose members read, or may come to read, what no grant lets them read. */
const READING_ROLES = [
  "pg_read_all_data",
  "pg_read_server_files",
  "pg_write_server_files",
  "pg_execute_server_program",
];

const SETUP = `Give each database a role that cannot read the other, with these lines as a superuser: CREATE ROLE fastchat LOGIN \
NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '…'; CREATE DATABASE fastchat OWNER fastchat; REVOKE ALL ON DATABASE fastchat FROM PUBLIC; \
then the same three with fastchat_archive. docs/OPERATIONS.md, "PostgreSQL", says more, also for databases that are in use.`;

/**
 * For two databases of one server. A password or a missing grant that keeps such a role from the other database today
 * is no bar to it: it can change both, or read the server's files.
 *
 * @param ownersRole the role that `owner` is used with
 * @throws FastChatError `badConfig` where `reader`'s role has a power over the whole server, or over `ownersRole`
 */
export async function refusePower(
  visit: Visit,
  reader: Side,
  owner: Side,
  ownersRole: string,
): Promise<void> {
  const why = await visit(reader, (db) => powerOf(db, owner, ownersRole));
  if (why !== null) throw refusal(reader, why);
}

/**
 * Tries it: connects to `owner`'s database as `reader`'s role. To be turned away there is what we want. Both must have
 * their tables.
 *
 * @throws FastChatError `badConfig` where that role may read there
 */
export async function refuseReader(visit: Visit, reader: Side, owner: Side): Promise<void> {
  if (reader.address.kind === "socket" || owner.address.kind === "socket") return;
  const { role: ownersRole, tables } = await visit(owner, ownTables);
  const url = addressWithRoleOf(owner.address.url, reader.address.url);
  const crossed = {
    setting: `${owner.setting}, tried with the role of ${reader.setting},`,
    address: { kind: "url", url },
  } as const;
  const why = await visit(crossed, async (db) => {
    if (!(await isLetIn(db))) return null;
    return (await powerOf(db, owner, ownersRole)) ?? (await readingOf(db, owner, tables));
  });
  if (why !== null) throw refusal(reader, why);
}

function refusal({ setting, address }: Side, why: string): FastChatError {
  const where = address.kind === "url" ? withoutCredentials(address.url) : address.directory;
  return new FastChatError("badConfig", `${setting} (${where}): its role ${why}. ${SETUP}`);
}

interface Power {
  readonly role: string;
  /** The role that has the power: the same, or one that it is a member of. */
  readonly through: string;
  readonly power: "superuser" | "member" | "replication" | "createRole";
}

/** Attributes are not inherited, but whoever is a member may SET ROLE; REPLICATION counts for one's own login only. */
const POWER = `
  SELECT session_user AS role, r.rolname AS through,
         CASE WHEN r.rolsuper THEN 'superuser'
              WHEN r.rolname = ANY($1::name[]) THEN 'member'
              WHEN r.rolreplication AND r.rolname = session_user THEN 'replication'
              ELSE 'createRole' END AS power
    FROM pg_roles r
   WHERE pg_has_role(session_user, r.oid, 'MEMBER')
     AND (r.rolsuper OR r.rolname = ANY($1::name[])
          OR (r.rolreplication AND r.rolname = session_user)
          OR (r.rolcreaterole AND current_setting('server_version_num')::integer < 160000))
   ORDER BY r.rolname = session_user DESC, r.rolsuper DESC, r.rolname
   LIMIT 1`;

/** @returns what lets the connection's role read `owner`'s database whatever is granted there; else `null` */
async function powerOf(db: Database, owner: Side, ownersRole: string): Promise<string | null> {
  const { rows } = await db.query<Power>({ text: POWER, values: [[...READING_ROLES, ownersRole]] });
  const [found] = rows;
  if (found === undefined) return null;
  const { role, through, power } = found;
  const whose = WHOSE[owner.setting];
  if (power === "member" && through === ownersRole) {
    return role === through
      ? `${role} is that of ${whose}, too`
      : `${role} is a member of ${through}, the role of ${whose}`;
  }
  const is = role === through ? `${role}` : `${role} is a member of ${through}, which`;
  switch (power) {
    case "superuser":
      return `${is} is a superuser, and a superuser reads every database of its server, ${whose} too`;
    case "member":
      return `${is} may get at all that its server holds, ${whose} too`;
    case "replication":
      return `${is} has REPLICATION, and may so copy all that its server holds, ${whose} too`;
    case "createRole":
      return `${is} has CREATEROLE, and may so, before PostgreSQL 16, make itself a member of the role of ${whose}`;
  }
}

interface OwnTables {
  readonly role: string;
  readonly tables: readonly string[];
}

/** What stands beside the table of versions and belongs to the same role. */
async function ownTables(db: Database): Promise<OwnTables> {
  const { rows } = await db.query<{ role: string; tables: string[] }>({
    text: `SELECT session_user AS role, array_agg(t.oid::text) AS tables
             FROM pg_class versions JOIN pg_class t USING (relnamespace, relowner)
            WHERE versions.oid = to_regclass('schema_versions') AND t.relkind IN ('r', 'p', 'v', 'm')`,
  });
  return { role: rows[0]?.role ?? "", tables: rows[0]?.tables ?? [] };
}

/** @returns which of `tables` the connection's role may read, itself or as one that it may become; else `null` */
async function readingOf(db: Database, owner: Side, tables: readonly string[]): Promise<string | null> {
  const { rows } = await db.query<{ role: string; table: string }>({
    text: `SELECT session_user AS role, t.relname AS table
             FROM pg_class t JOIN pg_roles r ON pg_has_role(session_user, r.oid, 'MEMBER')
            WHERE t.oid = ANY($1::oid[])
              AND has_schema_privilege(r.oid, t.relnamespace, 'USAGE')
              AND has_any_column_privilege(r.oid, t.oid, 'SELECT')
            ORDER BY t.relname
            LIMIT 1`,
    values: [tables],
  });
  const [found] = rows;
  return found === undefined ? null : `${found.role} may read ${WHOSE[owner.setting]} (table ${found.table})`;
}

async function isLetIn(db: Database): Promise<boolean> {
  try {
    await db.query({ text: "SELECT 1" });
    return true;
  } catch (error) {
    if (error instanceof StoreError && isTurnedAway(error)) return false;
    throw error;
  }
}

/**
 * Whether it was the role that was not taken, and not the server that was away. SQLSTATE 28 is authentication and
 * pg_hba.conf, 42501 the privilege CONNECT, 3D000 and 08P01 what poolers say of a user or database that they do not know.
 * A password that is missing fails in `pg` itself (SASL), a client certificate that is not believed in TLS.
 */
function isTurnedAway({ reason, cause }: StoreError): boolean {
  if (/^(28...|42501|3D000|08P01|ERR_SSL_.*)$/.test(reason)) return true;
  return cause instanceof Error && cause.message.startsWith("SASL: ");
}
