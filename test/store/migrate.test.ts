import t from "tap";
import type { Database } from "../../src/store/database.js";
import { migrate, type Migrations } from "../../src/store/migrate.js";
import { archiveMigrations } from "../../src/store/migrations/archive.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { engines } from "../engines/engines.js";
import { failureOf } from "./delivery-contract.js";

const step = (version: number, ...statements: string[]) => ({ version, name: `step ${version}`, statements });

const NOTHING: Migrations = { schema: "service", steps: [] };
const ONE: Migrations = {
  schema: "service",
  steps: [step(1, "CREATE TABLE animals (name text PRIMARY KEY)")],
};
const TWO: Migrations = {
  schema: "service",
  steps: [
    ...ONE.steps,
    step(2, "CREATE TABLE plants (name text PRIMARY KEY)", "INSERT INTO plants (name) VALUES ('oak')"),
  ],
};

async function names(db: Database, table: string): Promise<unknown[]> {
  const { rows } = await db.query<{ name: string }>({ text: `SELECT name FROM ${table} ORDER BY name` });
  return rows.map(({ name }) => name);
}

for (const { schema, steps } of [serviceMigrations, archiveMigrations]) {
  t.test(`the steps of the ${schema} are numbered without gaps`, (t) => {
    t.same(
      steps.map(({ version }) => version),
      steps.map((_, i) => i + 1),
    );
    t.end();
  });
}

for (const engine of engines()) {
  t.test(`migrations on ${engine.name}`, { skip: engine.skip }, (t) => {
    t.test("an empty database takes all steps, and a second run none", async (t) => {
      const { db, close } = await engine.open(NOTHING);
      t.teardown(close);
      t.same(await migrate(db, TWO), { from: 0, to: 2 });
      t.same(await migrate(db, TWO), { from: 2, to: 2 });
      t.same(await names(db, "plants"), ["oak"]);
      t.same(await names(db, "schema_versions"), ["step 1", "step 2"]);
    });

    t.test("a database of an older release takes the steps it lacks and keeps its data", async (t) => {
      const { db, close } = await engine.open(ONE);
      t.teardown(close);
      await db.query({ text: "INSERT INTO animals (name) VALUES ('hare')" });
      t.same(await migrate(db, TWO), { from: 1, to: 2 });
      t.same(await names(db, "animals"), ["hare"]);
      t.same(await names(db, "plants"), ["oak"]);
    });

    t.test("a database of a newer release is refused and left as it is", async (t) => {
      const { db, close } = await engine.open(TWO);
      t.teardown(close);
      t.match(await failureOf(migrate(db, ONE)), { code: "dataNewer", message: /version 2.*up to 1/ });
      t.same(await migrate(db, TWO), { from: 2, to: 2 });
    });

    t.test("service and archive may share a database", async (t) => {
      const { db, close } = await engine.open(serviceMigrations);
      t.teardown(close);
      const archive = archiveMigrations.steps.length;
      const service = serviceMigrations.steps.length;
      t.same(await migrate(db, archiveMigrations), { from: 0, to: archive });
      t.same(await migrate(db, serviceMigrations), { from: service, to: service });
    });

    const transactional = { skip: engine.transactional ? false : "this engine cannot undo a CREATE TABLE" };
    t.test(
      "of steps that fail nothing stays, and a corrected run takes them all",
      transactional,
      async (t) => {
        const { db, close } = await engine.open(ONE);
        t.teardown(close);
        const broken: Migrations = {
          schema: "service",
          steps: [...TWO.steps, step(3, "CREATE TABLE stones (name text)", "INSERT INTO nowhere VALUES (1)")],
        };
        t.match(await failureOf(migrate(db, broken)), { kind: "defect", reason: "42P01" });
        t.same(await migrate(db, TWO), { from: 1, to: 2 });
      },
    );

    t.test("of several that begin at once, one works and the others find it done", async (t) => {
      const { db, close } = await engine.open(NOTHING);
      t.teardown(close);
      const runs = await Promise.all([migrate(db, TWO), migrate(db, TWO), migrate(db, TWO)]);
      t.same(runs.map(({ from }) => from).sort(), [0, 2, 2]);
      t.same(await names(db, "plants"), ["oak"]);
    });

    t.end();
  });
}
