/** What a test needs of a database engine. Test files loop over `engines()`, so that one story runs on all. */
import type { Database } from "../../src/store/database.js";
import type { Migrations } from "../../src/store/migrate.js";

export interface Engine {
  readonly name: string;
  /** Why it cannot be used here, for `t.test(name, { skip }, …)`; false where it can. */
  readonly skip: string | false;
  /** Whether what a transaction did is undone, whole, and whether the engine is one that data is entrusted to. */
  readonly transactional: boolean;
  /** Whether several connections work at the same time. */
  readonly concurrent: boolean;
  /** A database of its own, empty but for what the migrations make. */
  open(migrations: Migrations): Promise<OpenedDatabase>;
}

export interface OpenedDatabase {
  readonly db: Database;
  /** Closes the database and removes what was in it. */
  readonly close: () => Promise<void>;
}
