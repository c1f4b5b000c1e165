import t from "tap";
import { MemoryDeliveries } from "../../bench/simulation/memory-deliveries.js";
import type { AccountId } from "../../src/protocol/ids.js";
import type { Database, Statement } from "../../src/store/database.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { sqlDeliveries } from "../../src/store/sql-deliveries.js";
import { engines } from "../engines/engines.js";
import { insertAccounts, randomAccount } from "./account-rows.js";
import {
  batchOf,
  deliveryStoreContract,
  failureOf,
  namesIn,
  newBody,
  removalOf,
} from "./delivery-contract.js";

t.test("deliveries in memory", (t) => {
  deliveryStoreContract(
    t,
    () => {
      const known = new Set<AccountId>();
      return Promise.resolve({
        store: new MemoryDeliveries((account) => known.has(account)),
        accounts(count) {
          const made = Array.from({ length: count }, randomAccount);
          for (const account of made) known.add(account);
          return Promise.resolve(made);
        },
        deleteAccount: (account) => Promise.resolve(void known.delete(account)),
        close: () => Promise.resolve(),
      });
    },
    { transactional: true, deletesAccounts: false },
  );
  t.end();
});

for (const engine of engines()) {
  t.test(`deliveries in SQL on ${engine.name}`, { skip: engine.skip }, async (t) => {
    const { db, close } = await engine.open(serviceMigrations);
    t.teardown(close);
    const empty = async (): Promise<void> => {
      for (const table of ["deliveries", "bodies", "accounts"])
        await db.query({ text: `DELETE FROM ${table}` });
    };
    const twoAccounts = async (): Promise<[AccountId, AccountId]> => {
      await empty();
      return (await insertAccounts(db, 2)) as [AccountId, AccountId];
    };

    deliveryStoreContract(
      t,
      async () => {
        await empty();
        return {
          store: sqlDeliveries(db),
          accounts: (count) => insertAccounts(db, count),
          async deleteAccount(account) {
            await db.query({ text: "DELETE FROM accounts WHERE id = $1", values: [account] });
          },
          close: () => Promise.resolve(),
        };
      },
      {
        transactional: engine.transactional,
        deletesAccounts: true,
        // pg-mem takes milliseconds to parse a row.
        ...(engine.name === "pg-mem" ? { crowd: 100 } : {}),
      },
    );

    t.test("a body that is swept while its batch is written again is brought again", async (t) => {
      const [anna, ben] = await twoAccounts();
      let batches = 0;
      // What the race looks like from here: the body was found there, and was gone when its delivery came.
      const withoutBodies = (statements: readonly Statement[]): Statement[] =>
        statements.filter(({ text }) => !text.startsWith("INSERT INTO bodies"));
      const raced: Database = {
        ...methodsOf(db),
        batch: (statements) => db.batch(++batches < 3 ? withoutBodies(statements) : statements),
      };
      await sqlDeliveries(raced).write(batchOf(anna, ben, ["1"]));
      t.equal(batches, 3);
      t.same(namesIn(await sqlDeliveries(db).read(anna, 0, 10, Infinity)), ["1"]);
    });

    t.test("a batch that loses every race with the sweep may be written later", async (t) => {
      const [anna, ben] = await twoAccounts();
      const raced: Database = {
        ...methodsOf(db),
        batch: (statements) => db.batch(statements.filter(({ text }) => !text.includes("INTO bodies"))),
      };
      t.match(await failureOf(sqlDeliveries(raced).write(batchOf(anna, ben, ["1"]))), { kind: "retry" });
    });

    t.test("a delivery whose body nobody brought is rejected", async (t) => {
      const [anna, ben] = await twoAccounts();
      t.match(await failureOf(sqlDeliveries(db).write({ ...batchOf(anna, ben, ["1"]), bodies: [] })), {
        kind: "rejected",
        constraint: "deliveries_body_exists",
      });
    });

    t.test("the constraint names a recipient without an account", async (t) => {
      const [, ben] = await twoAccounts();
      t.match(await failureOf(sqlDeliveries(db).write(batchOf(randomAccount(), ben, ["1"]))), {
        kind: "rejected",
        constraint: "deliveries_recipient_exists",
      });
    });

    const several = { skip: engine.concurrent ? false : "this engine serves one connection at a time" };

    t.test("a sweep passes over a body that a writer is giving a delivery", several, async (t) => {
      const [anna, ben] = await twoAccounts();
      const store = sqlDeliveries(db);
      const batch = batchOf(anna, ben, ["1"]);
      const [body] = batch.bodies;
      await store.write({ ...batch, deliveries: [] });
      await db.transaction(async (writer) => {
        await writer.query({
          text: `INSERT INTO deliveries (recipient, sender, message, conversation, epoch, wrapped_key, body)
                 VALUES ($1, $2, $1, '', 0, '', $3)`,
          values: [anna, ben, body?.id],
        });
        t.equal(await store.sweep(10), 0);
      });
      t.equal((await store.read(anna, 0, 10, Infinity)).length, 1);
    });

    t.test("a writer that comes after the sweep of its body is told which constraint", several, async (t) => {
      const [anna, ben] = await twoAccounts();
      const store = sqlDeliveries(db);
      const body = newBody();
      await store.write({ bodies: [body], deliveries: [], removals: [] });
      const lost = db.transaction(async (writer) => {
        await writer.query({
          text: "INSERT INTO bodies (id, content) VALUES ($1, $2) ON CONFLICT DO NOTHING",
          values: [body.id, body.content],
        });
        t.equal(await store.sweep(10), 1);
        await writer.query({
          text: `INSERT INTO deliveries (recipient, sender, message, conversation, epoch, wrapped_key, body)
                 VALUES ($1, $2, $1, '', 0, '', $3)`,
          values: [anna, ben, body.id],
        });
      });
      t.match(await failureOf(lost), { reason: "23503", constraint: "deliveries_body_exists" });
    });

    t.test("writers and sweeps at the same time lose nothing", several, async (t) => {
      const [anna, ben] = await twoAccounts();
      const store = sqlDeliveries(db);
      const names = Array.from({ length: 30 }, (_, i) => String(i));
      const write = async (recipient: AccountId, sender: AccountId): Promise<void> => {
        for (const name of names) {
          const batch = batchOf(recipient, sender, [`${name} taken`, name]);
          await store.write(batch);
          await store.write(removalOf(batch.deliveries.slice(0, 1)));
          // As after an answer that got lost: what was taken comes again, perhaps with its body just swept.
          await store.write(batch);
          await store.write(removalOf(batch.deliveries.slice(0, 1)));
        }
      };
      let writing = true;
      const sweep = async (): Promise<void> => {
        while (writing) await store.sweep(5);
      };
      const sweeps = Promise.all([sweep(), sweep()]);
      try {
        await Promise.all([write(anna, ben), write(ben, anna)]);
      } finally {
        writing = false;
      }
      await sweeps;
      t.same(namesIn(await store.read(anna, 0, 100, Infinity)), names);
      t.same(namesIn(await store.read(ben, 0, 100, Infinity)), names);
      t.ok((await store.sweep(1000)) <= 60);
      t.equal(await store.sweep(1000), 0);
    });
  });
}

/** The methods of a database, for one that differs in one of them. */
function methodsOf(db: Database): Database {
  return {
    query: (statement) => db.query(statement),
    transaction: (work) => db.transaction(work),
    batch: (statements) => db.batch(statements),
    close: () => db.close(),
  };
}
