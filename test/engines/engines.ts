import type { Engine } from "./engine.js";
import { pgliteEngine } from "./pglite.js";
import { pgMemEngine } from "./pg-mem.js";
import { postgresEngine } from "./postgres.js";

/** All engines, the quickest first. The last can be used only where `FASTCHAT_TEST_DATABASE_URL` names a PostgreSQL. */
export function engines(): Engine[] {
  return [pgMemEngine, pgliteEngine, postgresEngine(process.env["FASTCHAT_TEST_DATABASE_URL"])];
}
