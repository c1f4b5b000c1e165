/** What a client of PostgreSQL writes, by the package that `pg` itself uses: an independent source of bytes. */
import { createRequire } from "node:module";
import type * as PgProtocol from "pg-protocol";

// Required and not imported: under the test runner's loader its names cannot be imported.
export const { serialize } = createRequire(import.meta.url)("pg-protocol") as typeof PgProtocol;
