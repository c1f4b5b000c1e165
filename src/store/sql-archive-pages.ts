/** Pages of an archive's entries in SQL. */
import { ENTRY_OVERHEAD_BYTES, type EntryPage, type PageRequest, type StoredEntry } from "./archive.js";
import type { Queryable } from "./database.js";
import { howManyFit } from "./how-many-fit.js";

export interface EntryRow {
  readonly archive: string;
  readonly counter: string;
  readonly chat_tag: Uint8Array;
  readonly entry_tag: Uint8Array;
  readonly sealed: Uint8Array;
}

/** Reads sizes first: an entry may weigh half a megabyte, and only what fits is fetched. */
export async function readPage(db: Queryable, request: PageRequest): Promise<EntryPage> {
  const { archive, chat, direction, from, limit, maxBytes } = request;
  const order = direction === "before" ? "DESC" : "ASC";
  const scope = chat === undefined ? "" : "AND chat_tag = $4";
  const start = from ?? (direction === "before" ? Number.MAX_SAFE_INTEGER : 0);
  const { rows: sizes } = await db.query<{ counter: string; bytes: number }>({
    text: `SELECT counter, octet_length(sealed) AS bytes FROM entries
      WHERE archive = $1 AND counter ${direction === "before" ? "<" : ">"} $2 AND sealed IS NOT NULL ${scope}
      ORDER BY counter ${order} LIMIT $3`,
    // One more than wanted tells whether there are more.
    values: [archive, start, limit + 1, ...(chat === undefined ? [] : [chat])],
  });
  const weights = sizes.map(({ bytes }) => bytes + ENTRY_OVERHEAD_BYTES);
  const fitting = sizes.slice(0, howManyFit(weights, limit, maxBytes));
  const first = fitting[0];
  const last = fitting.at(-1);
  if (first === undefined || last === undefined) return { entries: [], more: false };
  const [low, high] = direction === "before" ? [last, first] : [first, last];
  const { rows } = await db.query<EntryRow>({
    text: `SELECT counter, chat_tag, entry_tag, sealed FROM entries
      WHERE archive = $1 AND counter BETWEEN $2 AND $3 AND sealed IS NOT NULL ${scope}
      ORDER BY counter ${order}`,
    values: [archive, low.counter, high.counter, ...(chat === undefined ? [] : [chat])],
  });
  return { entries: rows.map(storedEntry), more: fitting.length < sizes.length };
}

export function storedEntry(row: Omit<EntryRow, "archive">): StoredEntry {
  return {
    counter: Number(row.counter),
    chat: row.chat_tag,
    entry: row.entry_tag,
    sealed: row.sealed,
  };
}
