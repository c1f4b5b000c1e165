import t from "tap";
import { StoreError, type Database } from "../../src/store/database.js";
import { failureKind } from "../../src/store/sqlstate.js";
import { DatabaseHealth, watchedDatabase } from "../../src/store/watched-database.js";
import { VirtualClock } from "../../bench/simulation/virtual-clock.js";

/** A database that fails as it is told, and what is said of it. */
function watched() {
  const clock = new VirtualClock();
  const said: string[] = [];
  const changes: unknown[] = [];
  const log = (level: string) => (_fields: object, message: string) => void said.push(`${level}: ${message}`);
  const health = new DatabaseHealth({
    clock,
    log: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
    onChange: (trouble) => void changes.push(trouble),
  });
  let failure: Error | null = null;
  let concerned = 1;
  const answer = async <T>(result: T): Promise<T> => {
    if (failure !== null) throw failure;
    return result;
  };
  const db: Database = {
    query: () => answer({ rows: [], rowCount: concerned }),
    transaction: async (work) => answer(await work(db)),
    batch: (statements) => answer(statements.map(() => concerned)),
    close: () => answer(undefined),
  };
  return {
    said,
    changes,
    db: watchedDatabase(db, health),
    concerns: (rows: number): void => void (concerned = rows),
    fails: (reason: string | Error | null): void => {
      failure =
        typeof reason === "string" ? new StoreError(failureKind(reason), reason, undefined, reason) : reason;
    },
  };
}

const read = { text: "SELECT 1" };
const touch = { text: "UPDATE", does: "store" } as const;
const sweep = { text: "DELETE", does: "remove" } as const;
const AWAY = "error: the database is away: what needs it waits";
const FULL =
  "error: the database's disk is full: nothing more is accepted that has to be stored; free some space";

t.test("a database that is away is told of once, and once when it is back", async (t) => {
  const { db, fails, said, changes } = watched();
  await db.query(read);
  t.same(said, []);
  for (const reason of ["ECONNREFUSED", "57P03", "08006", "unknown"]) {
    fails(reason);
    await t.rejects(db.query(read), { message: reason });
    await t.rejects(db.batch([read]), { message: reason });
  }
  t.same(said, [AWAY]);
  t.same(changes, ["databaseUnreachable"]);
  fails(null);
  await db.batch([read]);
  await db.query(read);
  t.same(said, [AWAY, "info: the database answers again"]);
  t.same(changes, ["databaseUnreachable", null]);
});

t.test("a full disk is over when something is stored, and not when something is read", async (t) => {
  const { db, fails, said, changes } = watched();
  fails("53100");
  await t.rejects(db.batch([read]), { code: "diskFull" });
  fails(null);
  await db.query(read);
  fails("53100");
  await t.rejects(
    db.transaction(() => Promise.resolve()),
    { code: "diskFull" },
  );
  t.same(said, [FULL]);
  fails(null);
  await db.transaction(() => Promise.resolve());
  t.same(said, [FULL, "info: the database has space again"]);
  t.same(changes, ["diskFull", null]);
});

t.test("what stores by itself has a full disk told of, and its end, as a batch does", async (t) => {
  const { db, fails, said } = watched();
  fails("53100");
  await t.rejects(db.query(touch), { code: "diskFull" });
  fails(null);
  await db.query(read);
  await db.query(sweep);
  t.same(said, [FULL]);
  await db.query(touch);
  t.same(said, [FULL, "info: the database has space again"]);
});

t.test(
  "a removal that a full disk refused ends that with the next one, unless more was refused",
  async (t) => {
    const { db, fails, changes } = watched();
    fails("53100");
    await t.rejects(db.query(sweep));
    fails(null);
    await db.query(read);
    t.same(changes, ["diskFull"]);
    await db.query(sweep);
    t.same(changes, ["diskFull", null]);
    fails("53100");
    await t.rejects(db.query(sweep));
    await t.rejects(db.batch([read]));
    fails(null);
    await db.query(sweep);
    t.same(changes, ["diskFull", null, "diskFull"]);
    await db.batch([read]);
    t.same(changes, ["diskFull", null, "diskFull", null]);
  },
);

t.test("what found nothing to write says nothing of space", async (t) => {
  const { db, fails, concerns, changes } = watched();
  fails("53100");
  await t.rejects(db.batch([read]));
  fails(null);
  concerns(0);
  await db.query(touch);
  await db.batch([read]);
  await db.batch([]);
  t.same(changes, ["diskFull"]);
});

t.test("a database that goes away on a full disk is told of as away", async (t) => {
  const { db, fails, changes } = watched();
  fails("53100");
  await t.rejects(db.batch([read]));
  fails("57P02");
  await t.rejects(db.batch([read]));
  fails(null);
  await db.query(read);
  t.same(changes, ["diskFull", "databaseUnreachable", null]);
});

t.test("what one statement meets is no trouble of the database", async (t) => {
  const { db, fails, said } = watched();
  for (const reason of ["40001", "40P01", "55P03", "57014", "23505", "42601"]) {
    fails(reason);
    await t.rejects(db.batch([read]), { message: reason });
  }
  fails(new RangeError("ours"));
  await t.rejects(db.batch([read]), RangeError);
  t.same(said, []);
});

t.test("one that refuses something answers, and so is not away any more", async (t) => {
  const { db, fails, changes } = watched();
  fails("ECONNREFUSED");
  await t.rejects(db.query(read));
  fails("23505");
  await t.rejects(db.query(read));
  t.same(changes, ["databaseUnreachable", null]);
});

t.test("what fails while the pool is closed is nobody's trouble", async (t) => {
  const { db, fails, said } = watched();
  await db.close();
  fails("ECONNREFUSED");
  await t.rejects(db.query(read));
  t.same(said, []);
});
