/**
 * PGlite in memory: real PostgreSQL with one session, in this process, behind `pg` itself. It comes up from a copy of
 * an initialised database, which takes a fraction of what making one takes, and serves one test after another.
 */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { PGlite } from "@electric-sql/pglite";
import { createPgConfig } from "@electric-sql/pglite/node-postgres";
import { Pool } from "pg";
import { PgDatabase } from "../../src/store/database.js";
import { migrate } from "../../src/store/migrate.js";
import type { Engine } from "./engine.js";

export const pgliteEngine: Engine = {
  name: "PGlite in memory",
  skip: false,
  transactional: true,
  concurrent: false,
  async open(migrations) {
    const lite = takeIdle() ?? (await start());
    const db = new PgDatabase(new Pool({ ...createPgConfig(lite), max: 1, pipeline: true }));
    await migrate(db, migrations);
    return {
      db,
      async close() {
        await db.close();
        await lite.exec("DROP SCHEMA public CASCADE; CREATE SCHEMA public; DEALLOCATE ALL");
        keepIdle(lite);
      },
    };
  },
};

/** Started and empty, each with the timer that ends it. */
const idle = new Map<PGlite, NodeJS.Timeout>();
/** How long an engine waits for another test before it ends, in milliseconds: a running one keeps the process alive. */
const IDLE_MS = 200;

function takeIdle(): PGlite | null {
  for (const [lite, timer] of idle) {
    clearTimeout(timer);
    idle.delete(lite);
    return lite;
  }
  return null;
}

function keepIdle(lite: PGlite): void {
  const end = (): void => {
    idle.delete(lite);
    void lite.close();
  };
  idle.set(lite, setTimeout(end, IDLE_MS));
}

async function start(): Promise<PGlite> {
  return PGlite.create({
    loadDataDir: new Blob([await initialised()]),
    // The copy starts with a recovery, whose timer for progress messages would keep the test's process from ending.
    startParams: [...PGlite.defaultStartParams, "-c", "log_startup_progress_interval=0"],
  });
}

/** The files of an initialised database, kept beside the packages for the next test where that can be written. */
async function initialised(): Promise<Buffer<ArrayBuffer>> {
  const file = await cacheFile();
  try {
    return await readFile(file);
  } catch {
    const first = await PGlite.create();
    const copy = Buffer.from(await (await first.dumpDataDir("none")).arrayBuffer());
    await first.close();
    // Tests run side by side: each writes a file of its own, and a whole one takes the name.
    const own = new URL(`${file.href}.${randomUUID()}`);
    await mkdir(new URL(".", file), { recursive: true })
      .then(() => writeFile(own, copy))
      .then(() => rename(own, file))
      .catch(() => undefined);
    return copy;
  }
}

/** Named by the version: another one's files would be of no use. */
async function cacheFile(): Promise<URL> {
  const entry = import.meta.resolve("@electric-sql/pglite");
  const { version } = JSON.parse(await readFile(new URL("../package.json", entry), "utf8")) as {
    version: string;
  };
  return new URL(`../../../.cache/fastchat/pglite-${version}.tar`, entry);
}
