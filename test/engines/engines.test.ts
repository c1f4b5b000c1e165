/** What the store's SQL relies on, asked of every engine: where pg-mem's own answer is wrong, its adapter must mend it. */
import t from "tap";
import type { Database } from "../../src/store/database.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { failureOf } from "../store/delivery-contract.js";
import { insertAccounts } from "../store/account-rows.js";
import { engines } from "./engines.js";

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, value) => value));

const hex = (n: number) => n.toString(16).padStart(32, "0");

async function insertBodies(db: Database, ...numbers: number[]): Promise<void> {
  for (const n of numbers) {
    await db.query({ text: "INSERT INTO bodies (id, content) VALUES ($1, $2)", values: [hex(n), ALL_BYTES] });
  }
}

async function bodies(db: Database): Promise<number[]> {
  const { rows } = await db.query<{ id: string }>({ text: "SELECT id FROM bodies ORDER BY id" });
  return rows.map(({ id }) => parseInt(id.replaceAll("-", ""), 16));
}

for (const engine of engines()) {
  t.test(engine.name, { skip: engine.skip }, async (t) => {
    const { db, close } = await engine.open(serviceMigrations);
    t.teardown(close);
    t.beforeEach(async () => {
      for (const table of ["deliveries", "bodies", "accounts"])
        await db.query({ text: `DELETE FROM ${table}` });
    });

    t.test("bytes come back as they went, and are found by their value", async (t) => {
      await insertBodies(db, 1);
      const { rows } = await db.query<{ content: Uint8Array; length: number }>({
        text: "SELECT content, octet_length(content) AS length FROM bodies WHERE content = $1",
        values: [Uint8Array.from(ALL_BYTES)],
      });
      t.ok(Buffer.isBuffer(rows[0]?.content));
      t.same(rows, [{ content: ALL_BYTES, length: 256 }]);
    });

    t.test("`= ANY` finds rows by an indexed column", async (t) => {
      await insertBodies(db, 1, 2, 3);
      const text = "SELECT id FROM bodies WHERE id = ANY($1::uuid[])";
      t.equal((await db.query({ text, values: [[hex(1), hex(3), hex(4)]] })).rowCount, 2);
      t.equal((await db.query({ text, values: [[]] })).rowCount, 0);
    });

    t.test("RETURNING leaves out the rows that were in conflict", async (t) => {
      await insertBodies(db, 1);
      const { rows, rowCount } = await db.query<{ id: string }>({
        text: `INSERT INTO bodies (id, content) VALUES ($1, $3), ($2, $3)
               ON CONFLICT (id) DO NOTHING RETURNING id`,
        values: [hex(1), hex(2), ALL_BYTES],
      });
      t.equal(rowCount, 1);
      t.same(
        rows.map(({ id }) => id.replaceAll("-", "")),
        [hex(2)],
      );
    });

    t.test("DELETE takes what arrays name together", async (t) => {
      await insertBodies(db, 1, 2, 3);
      const { rowCount } = await db.query({
        text: `DELETE FROM bodies USING unnest($1::uuid[], $2::bytea[]) AS gone (id, content)
               WHERE bodies.id = gone.id AND bodies.content = gone.content`,
        values: [
          [hex(1), hex(2), hex(4)],
          [ALL_BYTES, Buffer.from("other"), ALL_BYTES],
        ],
      });
      t.equal(rowCount, 1);
      t.same(await bodies(db), [2, 3]);
    });

    t.test("the LIMIT of a subquery holds", async (t) => {
      await insertBodies(db, 1, 2, 3);
      const { rowCount } = await db.query({
        text: `DELETE FROM bodies WHERE id IN (
                 SELECT id FROM bodies WHERE id > $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id`,
        values: [hex(1), 1],
      });
      t.equal(rowCount, 1);
      t.same(await bodies(db), [1, 3]);
    });

    t.test("a refused row names the constraint that refused it", async (t) => {
      await insertAccounts(db, 1);
      const again = db.query({
        text: `INSERT INTO accounts (id, name, identity_key, encryption_key, card_generation, card_signature,
                 opaque_record, stretching, vault_generation, vault_sealed)
               SELECT $1, name, identity_key, encryption_key, card_generation, card_signature,
                 opaque_record, stretching, vault_generation, vault_sealed FROM accounts`,
        values: [hex(7)],
      });
      t.match(await failureOf(again), {
        kind: "rejected",
        reason: "23505",
        constraint: "accounts_name_taken",
      });
      const nobody = db.query({
        text: "INSERT INTO voucher_grants (account, day, granted) VALUES ($1, '2026-01-31', 1)",
        values: [hex(8)],
      });
      t.match(await failureOf(nobody), { kind: "rejected", reason: "23503" });
    });

    t.test("a transaction that throws changes nothing", async (t) => {
      await insertBodies(db, 1);
      const refusal = new Error("changed my mind");
      const failed = db.transaction(async (tx) => {
        await tx.query({ text: "DELETE FROM bodies" });
        throw refusal;
      });
      t.equal(await failureOf(failed), refusal);
      t.same(await bodies(db), [1]);
    });

    t.test("a batch of which one statement fails changes nothing", async (t) => {
      await insertBodies(db, 1);
      const insert = (n: number) => ({
        name: "test-body",
        text: "INSERT INTO bodies (id, content) VALUES ($1, '')",
        values: [hex(n)],
      });
      const failed = db.batch([insert(2), insert(1), insert(3)]);
      t.match(await failureOf(failed), { kind: "rejected", reason: "23505" });
      t.same(await bodies(db), [1]);
      await db.batch([insert(2), insert(3)]);
      t.same(await bodies(db), [1, 2, 3]);
    });

    t.test("a transaction that goes on after a failure cannot commit", async (t) => {
      const failed = db.transaction(async (tx) => {
        await tx.query({ text: "INSERT INTO bodies (id, content) VALUES ($1, '')", values: [hex(1)] });
        await failureOf(tx.query({ text: "SELECT 1 FROM nowhere" }));
      });
      t.match(await failureOf(failed), { kind: "defect", reason: "25P02" });
      t.same(await bodies(db), []);
    });
  });
}
