/** A real PostgreSQL, as its address in the environment names it: a schema of its own for each database opened. */
import { randomBytes } from "node:crypto";
import { openDatabase, type Database } from "../../src/store/database.js";
import { migrate } from "../../src/store/migrate.js";
import type { Engine } from "./engine.js";

const CONNECTIONS = 4;
const TIMEOUT_MS = 10_000;

/** @param url of a database in which the user may create schemas; undefined where there is none */
export function postgresEngine(url: string | undefined): Engine {
  return {
    name: "PostgreSQL",
    skip: url === undefined || url === "" ? "FASTCHAT_TEST_DATABASE_URL names no PostgreSQL" : false,
    transactional: true,
    concurrent: true,
    async open(migrations) {
      const schema = `fastchat_test_${randomBytes(8).toString("hex")}`;
      const admin = open(url ?? "", 1);
      await admin.query({ text: `CREATE SCHEMA ${schema}` });
      const db = open(withSearchPath(url ?? "", schema), CONNECTIONS);
      await migrate(db, migrations);
      return {
        db,
        async close() {
          await db.close();
          await admin.query({ text: `DROP SCHEMA ${schema} CASCADE` });
          await admin.close();
        },
      };
    },
  };
}

/** The address, for connections that find and make their tables in `schema`. */
export function withSearchPath(url: string, schema: string): string {
  const address = new URL(url);
  const options = address.searchParams.get("options") ?? "";
  address.searchParams.set("options", `${options} -c search_path=${schema}`.trim());
  return address.href;
}

function open(url: string, connections: number): Database {
  return openDatabase({ kind: "url", url }, connections, TIMEOUT_MS, (error) => {
    throw error;
  });
}
