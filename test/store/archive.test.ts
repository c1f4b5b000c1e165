import t from "tap";
import { MemoryArchive } from "../../bench/simulation/memory-archive.js";
import type { Append } from "../../src/store/archive.js";
import { archiveMigrations } from "../../src/store/migrations/archive.js";
import { sqlArchive } from "../../src/store/sql-archive.js";
import { engines } from "../engines/engines.js";
import { archiveChatsContract } from "./archive-chats-contract.js";
import { MANY, archiveContract, entries, entry, made, tag } from "./archive-contract.js";

t.test("archives in memory", (t) => {
  archiveContract(t, new MemoryArchive());
  archiveChatsContract(t, new MemoryArchive());
  t.end();
});

for (const engine of engines()) {
  t.test(`archives in SQL on ${engine.name}`, { skip: engine.skip }, async (t) => {
    const { db, close } = await engine.open(archiveMigrations);
    t.teardown(close);
    const store = sqlArchive(db);
    archiveContract(t, store);
    archiveChatsContract(t, store);

    t.test("an entry whose content was blanked is on no page, and its tag stays taken", async (t) => {
      const archive = await made(store);
      await store.append([{ archive, entries: entries(3) }], MANY);
      await db.query({
        text: "UPDATE entries SET sealed = NULL WHERE archive = $1 AND counter = 2",
        values: [archive],
      });
      const page = await store.page({ archive, direction: "after", limit: 5, maxBytes: MANY });
      t.same(
        page.entries.map(({ counter }) => counter),
        [1, 3],
      );
      t.equal(await store.entry(archive, tag("2")), null);
      const [again] = await store.append([{ archive, entries: [entry("2"), entry("4")] }], MANY);
      t.same(again, {
        type: "appended",
        results: [
          { counter: 2, had: true },
          { counter: 4, had: false },
        ],
      });
    });

    t.test("a chat whose newest entry was blanked is listed without it; its digest stays", async (t) => {
      const archive = await made(store);
      await store.append([{ archive, entries: entries(2, "red") }], MANY);
      const before = await store.digests(archive, 0, 9);
      await db.query({
        text: "UPDATE entries SET sealed = NULL WHERE archive = $1 AND counter = 2",
        values: [archive],
      });
      const { chats, latest } = await store.chats({ archive, limit: 9, maxBytes: MANY });
      t.same([chats.map(({ newest }) => newest), latest], [[2], []]);
      t.same(await store.digests(archive, 0, 9), before);
    });

    t.test("the hash of an entry is that of its tags and its sealed bytes", async (t) => {
      const archive = await made(store);
      // sha256sum of 32 bytes of 0x01, 32 of 0x02 and "sealed".
      const known = "85ba931e176ca3e41e0b48010b45eaf5174ba4045fcb86acccf3be7d4793c38c";
      const given = {
        chat: new Uint8Array(32).fill(1),
        entry: new Uint8Array(32).fill(2),
        sealed: Buffer.from("sealed"),
      };
      await store.append([{ archive, entries: [given] }], MANY);
      const { rows } = await db.query<{ entry_hash: Buffer }>({
        text: "SELECT entry_hash FROM entries WHERE archive = $1",
        values: [archive],
      });
      t.equal(rows[0]?.entry_hash.toString("hex"), known);
    });

    t.test("a call that finds a place taken writes nothing at all", async (t) => {
      const [sound, damaged] = [await made(store), await made(store)];
      await store.append([{ archive: damaged, entries: entries(2) }], MANY);
      await db.query({ text: "UPDATE archives SET counter = 1 WHERE id = $1", values: [damaged] });
      const call = store.append(
        [
          { archive: sound, entries: entries(2, "chat", "new") },
          { archive: damaged, entries: entries(2, "chat", "new") },
        ],
        MANY,
      );
      await t.rejects(call, { code: "internal" });
      t.equal((await store.find(sound))?.counter, 0);
      t.equal(await store.entry(sound, tag("new1")), null);
    });

    const noCatalog = engine.transactional ? false : "has no catalog to ask";
    t.test(
      "no column holds a time or a number that runs over all archives",
      { skip: noCatalog },
      async (t) => {
        const { rows } = await db.query<{ name: string; type: string; generated: boolean }>({
          text: `SELECT table_name || '.' || column_name AS name, data_type AS type,
            is_identity = 'YES' OR coalesce(column_default, '') LIKE 'nextval%' AS generated
          FROM information_schema.columns
          WHERE table_schema = current_schema() AND table_name <> 'schema_versions'
          ORDER BY table_name, ordinal_position`,
        });
        t.same(
          rows.map(({ name, type }) => `${name} ${type}`),
          [
            "archives.id uuid",
            "archives.token_hash bytea",
            "archives.counter bigint",
            "archives.revision bigint",
            "archives.checkpoint bytea",
            "archives.checkpoint_version bigint",
            "chats.archive uuid",
            "chats.chat_tag bytea",
            "chats.newest bigint",
            "chats.version bigint",
            "chats.revision bigint",
            "chats.note bytea",
            "entries.archive uuid",
            "entries.counter bigint",
            "entries.chat_tag bytea",
            "entries.entry_tag bytea",
            "entries.sealed bytea",
            "entries.entry_hash bytea",
            "file_chunks.file uuid",
            "file_chunks.number integer",
            "file_chunks.sealed bytea",
            "files.id uuid",
            "files.chunks integer",
            "files.bytes bigint",
            "files.bytes_left bigint",
            // A day, some weeks ahead.
            "files.expires_at bigint",
            "used_vouchers.nonce_hash bytea",
            "used_vouchers.expires_at bigint",
          ],
        );
        t.notOk(rows.some(({ generated }) => generated));
      },
    );

    t.test(
      "writers that meet in the same archives leave no gap, double nothing and never block for good",
      async (t) => {
        const archives = [await made(store), await made(store), await made(store)];
        const calls = Array.from({ length: 8 }, (_, call): Append[] => {
          const appends = archives.map((archive) => ({
            archive,
            // Half of the tags come in two calls each.
            entries: [entry(`own ${call}`), entry(`shared ${call >> 1}`)],
          }));
          return call % 2 === 0 ? appends : appends.toReversed();
        });
        await Promise.all(calls.map((appends) => store.append(appends, MANY)));
        for (const archive of archives) {
          const page = await store.page({ archive, direction: "after", limit: 100, maxBytes: MANY });
          t.same(
            page.entries.map(({ counter }) => counter),
            Array.from({ length: 12 }, (_, index) => index + 1),
          );
          t.equal((await store.find(archive))?.counter, 12);
        }
      },
    );
  });
}
