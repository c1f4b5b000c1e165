/** Files in SQL. */
import { randomBytes } from "node:crypto";
import t from "tap";
import { archiveMigrations } from "../../src/store/migrations/archive.js";
import { sqlFiles } from "../../src/store/sql-files.js";
import { engines } from "../engines/engines.js";

const MANY = 1_000_000;
const id = (): string => randomBytes(16).toString("hex");
const voucher = () => ({ nonceHash: randomBytes(32), expiresAt: 5 });

for (const engine of engines()) {
  t.test(`files on ${engine.name}`, { skip: engine.skip }, async (t) => {
    const { db, close } = await engine.open(archiveMigrations);
    t.teardown(close);
    const files = sqlFiles(db);
    const begun = async (chunks: number, bytes: number, expiresAt = 1_000): Promise<string> => {
      const file = id();
      const outcome = await files.begin({ id: file, chunks, bytes, expiresAt }, voucher(), MANY);
      if (outcome !== "begun") throw new Error(outcome);
      return file;
    };

    await t.test("what was put is found, each chunk once", async (t) => {
      const file = await begun(3, 900);
      const chunks = [randomBytes(400), randomBytes(400), randomBytes(100)];
      t.equal(await files.get(file, 0), null);
      for (const number of [2, 0, 1]) {
        t.equal(await files.put(file, number, chunks[number] as Uint8Array), "stored");
      }
      t.equal(await files.put(file, 1, randomBytes(400)), "had");
      for (const [number, chunk] of chunks.entries()) {
        t.ok(
          chunk.equals((await files.get(file, number)) ?? Buffer.alloc(0)),
          `chunk ${number} as it was put first`,
        );
      }
      t.equal(await files.get(file, 3), null);
      t.equal(await files.get(id(), 0), null);
    });

    await t.test("a file takes no more than it was begun with", async (t) => {
      const file = await begun(2, 500);
      t.equal(await files.put(file, 0, randomBytes(501)), "tooLarge");
      t.equal(await files.put(file, 2, randomBytes(1)), "tooLarge", "nor more chunks");
      t.equal(await files.put(file, 0, randomBytes(400)), "stored");
      t.equal(await files.put(file, 1, randomBytes(101)), "tooLarge");
      t.equal(await files.put(file, 1, randomBytes(100)), "stored");
      t.equal(await files.put(id(), 0, randomBytes(1)), "noSuchFile");
    });

    await t.test("a voucher is for one file, and for that as often as it is begun", async (t) => {
      const paid = voucher();
      const file = { id: id(), chunks: 1, bytes: 10, expiresAt: 1_000 };
      t.equal(await files.begin(file, paid, MANY), "begun");
      t.equal(await files.begin(file, paid, MANY), "exists");
      t.equal(await files.begin({ ...file, chunks: 2 }, voucher(), MANY), "conflict");
      t.equal(await files.begin({ ...file, bytes: 11 }, voucher(), MANY), "conflict");
      t.equal(await files.begin({ ...file, id: id() }, paid, MANY), "voucherUsed");
    });

    await t.test(
      "all files together take no more than they may, and a refusal costs no voucher",
      async (t) => {
        const { rows } = await db.query<{ total: string }>({ text: "SELECT sum(bytes) AS total FROM files" });
        const total = Number(rows[0]?.total);
        const file = { id: id(), chunks: 1, bytes: 100, expiresAt: 1_000 };
        const paid = voucher();
        t.equal(await files.begin(file, paid, total + 99), "full");
        t.equal(await files.begin(file, paid, total + 100), "begun");
      },
    );

    await t.test("files that have expired go, with all their chunks", async (t) => {
      const [old, young] = [await begun(1, 10, 99), await begun(1, 10, 100)];
      for (const file of [old, young]) await files.put(file, 0, randomBytes(10));
      await files.sweep(100);
      t.equal(await files.get(old, 0), null);
      t.equal(await files.put(old, 0, randomBytes(1)), "noSuchFile");
      t.equal((await files.get(young, 0))?.length, 10);
      const { rows } = await db.query({
        text: "SELECT number FROM file_chunks WHERE file = $1",
        values: [old],
      });
      t.same(rows, []);
    });
  });
}
