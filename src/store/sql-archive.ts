/** Personal archives in SQL. The same statements serve the service's database and one that a user brings. */
import { createHash } from "node:crypto";
import { toHex } from "../protocol/bytes.js";
import type { ArchiveId } from "../protocol/ids.js";
import {
  type Append,
  type AppendOutcome,
  type ArchiveRecord,
  type ArchiveStore,
  type EntryResult,
  type NewEntry,
} from "./archive.js";
import { StoreError, type Database, type Queryable } from "./database.js";
import { insertStatements } from "./insert-statements.js";
import { chatsHaveGrown, readChangedChats, readChats, setChat } from "./sql-archive-chats.js";
import { readCheckpoint, readDigests, replaceCheckpoint } from "./sql-archive-integrity.js";
import { readPage, storedEntry, type EntryRow } from "./sql-archive-pages.js";
import { valuesList } from "./values-list.js";

interface ArchiveRow {
  readonly id: string;
  readonly token_hash: Uint8Array;
  readonly counter: string;
  readonly revision: string;
}

// None of the next three is prepared by name: a kept plan is made for the tables as they were, and these are empty at
// one hour and long at another.

// In the order of their ids, so that two writers never wait for each other in a circle.
const LOCK = "SELECT id, counter FROM archives WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE";

const findTags = (count: number): string =>
  `SELECT e.archive, e.entry_tag, e.counter
   FROM (VALUES ${valuesList(["uuid", "bytea"], count)}) AS w (archive, tag)
   JOIN entries e ON e.archive = w.archive AND e.entry_tag = w.tag`;

const setCounters = (count: number): string =>
  `UPDATE archives SET counter = v.counter
   FROM (VALUES ${valuesList(["uuid", "bigint"], count)}) AS v (id, counter)
   WHERE archives.id = v.id`;

const insertEntries = insertStatements("entries", [
  "archive",
  "counter",
  "chat_tag",
  "entry_tag",
  "sealed",
  "entry_hash",
]);

/** @param db migrated by `archiveMigrations` */
export function sqlArchive(db: Database): ArchiveStore {
  return {
    create: (archive, voucher) =>
      db.transaction(async (tx) => {
        // The voucher first: whoever comes second with it waits here, and then sees what the first one made.
        const spent = await tx.query({
          name: "archive-spend-voucher",
          text: "INSERT INTO used_vouchers (nonce_hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
          values: [voucher.nonceHash, voucher.expiresAt],
        });
        if (spent.rowCount > 0) {
          const made = await tx.query({
            name: "archive-create",
            text: "INSERT INTO archives (id, token_hash) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            values: [archive.id, archive.tokenHash],
          });
          if (made.rowCount > 0) return { type: "created" };
        }
        const existing = await findArchive(tx, archive.id);
        return existing === null ? { type: "voucherUsed" } : { type: "exists", archive: existing };
      }),

    find: (archive) => findArchive(db, archive),

    append: (appends, maxEntries) => db.transaction((tx) => appendAll(tx, appends, maxEntries)),

    page: (request) => readPage(db, request),

    async entry(archive, tag) {
      const { rows } = await db.query<EntryRow>({
        text: `SELECT counter, chat_tag, entry_tag, sealed FROM entries
          WHERE archive = $1 AND entry_tag = $2 AND sealed IS NOT NULL`,
        values: [archive, tag],
      });
      return rows[0] === undefined ? null : storedEntry(rows[0]);
    },

    chats: (request) => readChats(db, request),
    setChat: (archive, chat, note) => setChat(db, archive, chat, note),
    changedChats: (request) => readChangedChats(db, request),
    async blank({ archive, chat, from, to }) {
      const { rowCount } = await db.query({
        text: `UPDATE entries SET sealed = NULL
          WHERE archive = $1 AND chat_tag = $2 AND counter BETWEEN $3 AND $4 AND sealed IS NOT NULL`,
        values: [archive, chat, from, to],
        does: "remove",
      });
      return rowCount;
    },
    digests: (archive, after, limit) => readDigests(db, archive, after, limit),
    checkpoint: (archive) => readCheckpoint(db, archive),
    setCheckpoint: (archive, checkpoint) => replaceCheckpoint(db, archive, checkpoint),

    async forgetVouchers(time) {
      await db.query({
        text: "DELETE FROM used_vouchers WHERE expires_at < $1",
        values: [time],
        does: "remove",
      });
    },
  };
}

async function findArchive(db: Queryable, archive: ArchiveId): Promise<ArchiveRecord | null> {
  const { rows } = await db.query<ArchiveRow>({
    text: "SELECT token_hash, counter, revision FROM archives WHERE id = $1",
    values: [archive],
  });
  const [row] = rows;
  if (row === undefined) return null;
  return { tokenHash: row.token_hash, counter: Number(row.counter), revision: Number(row.revision) };
}

/** What one transaction knows of an archive that it has locked. */
interface LockedArchive {
  counter: number;
  /** Counters by entry tag in hexadecimal: of those stored before, and of those added here. */
  readonly known: Map<string, number>;
  grown: boolean;
}

interface AddedEntry {
  readonly archive: ArchiveId;
  readonly counter: number;
  readonly entry: NewEntry;
}

async function appendAll(
  tx: Queryable,
  appends: readonly Append[],
  maxEntries: number,
): Promise<AppendOutcome[]> {
  const locked = await lockArchives(tx, appends);
  const added: AddedEntry[] = [];
  const outcomes = appends.map(({ archive, entries }): AppendOutcome => {
    const state = locked.get(archive);
    if (state === undefined) return { type: "noSuchArchive" };
    const counterOf = ({ entry, unless }: NewEntry): number | undefined =>
      state.known.get(toHex(entry)) ?? (unless && state.known.get(toHex(unless)));
    const fresh = new Set(
      entries.filter((entry) => counterOf(entry) === undefined).map(({ entry }) => toHex(entry)),
    );
    if (fresh.size > 0 && state.counter + fresh.size > maxEntries) return { type: "full" };
    const results = entries.map((entry): EntryResult => {
      const counter = counterOf(entry);
      if (counter !== undefined) return { counter, had: true };
      state.counter++;
      state.grown = true;
      state.known.set(toHex(entry.entry), state.counter);
      added.push({ archive, counter: state.counter, entry });
      return { counter: state.counter, had: false };
    });
    return { type: "appended", results };
  });
  await write(tx, added, locked);
  return outcomes;
}

/** Locks the archives, and then learns which of the tags they have. */
async function lockArchives(tx: Queryable, appends: readonly Append[]): Promise<Map<string, LockedArchive>> {
  const ids = [...new Set(appends.map(({ archive }) => archive))];
  const tags = appends.flatMap(({ archive, entries }) =>
    entries.flatMap(({ entry, unless }) => (unless ? [entry, unless] : [entry]).map((tag) => [archive, tag])),
  );
  // Sent together, and yet one after the other: a statement sees what was committed when it began, and the second
  // begins when the rows are locked.
  const [archives, known] = await Promise.all([
    tx.query<ArchiveRow>({ text: LOCK, values: [ids] }),
    tx.query<EntryRow>({ text: findTags(tags.length), values: tags.flat() }),
  ]);
  const locked = new Map<string, LockedArchive>();
  for (const { id, counter } of archives.rows) {
    locked.set(bare(id), { counter: Number(counter), known: new Map(), grown: false });
  }
  for (const { archive, entry_tag, counter } of known.rows) {
    locked.get(bare(archive))?.known.set(toHex(entry_tag), Number(counter));
  }
  return locked;
}

/** @throws StoreError `defect` if a place is taken: the counter of an archive and its entries then disagree */
async function write(
  tx: Queryable,
  added: readonly AddedEntry[],
  locked: ReadonlyMap<string, LockedArchive>,
): Promise<void> {
  if (added.length === 0) return;
  const counters = [...locked].filter(([, { grown }]) => grown).map(([id, { counter }]) => [id, counter]);
  const inserts = insertEntries(
    added.map(({ archive, counter, entry }) => [
      archive,
      counter,
      entry.chat,
      entry.entry,
      entry.sealed,
      entryHash(entry),
    ]),
  );
  const answers = await Promise.all(
    [
      ...inserts,
      chatsHaveGrown(newestByChat(added)),
      { text: setCounters(counters.length), values: counters.flat() },
    ].map((statement) => tx.query(statement)),
  );
  const inserted = answers.slice(0, inserts.length).reduce((sum, { rowCount }) => sum + rowCount, 0);
  if (inserted !== added.length) {
    throw new StoreError(
      "defect",
      "unknown",
      undefined,
      `Only ${inserted} of ${added.length} entries found their places free.`,
    );
  }
}

function newestByChat(added: readonly AddedEntry[]): (readonly [string, Uint8Array, number])[] {
  const newest = new Map<string, readonly [string, Uint8Array, number]>();
  for (const { archive, counter, entry } of added) {
    newest.set(`${archive} ${toHex(entry.chat)}`, [archive, entry.chat, counter]);
  }
  return [...newest.values()];
}

/**
 * SHA-256 over chat tag, entry tag and sealed bytes. It outlives the entry's content, so that a client can go on
 * verifying an archive from which something was deleted.
 */
function entryHash({ chat, entry, sealed }: NewEntry): Uint8Array {
  return createHash("sha256").update(chat).update(entry).update(sealed).digest();
}

function bare(uuid: string): string {
  return uuid.replaceAll("-", "");
}
