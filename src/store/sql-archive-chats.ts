/** Chats of an archive in SQL: the notes that clients keep on them, and which of them have news. */
import type { ArchiveId } from "../protocol/ids.js";
import {
  CHAT_OVERHEAD_BYTES,
  ENTRY_OVERHEAD_BYTES,
  type ChangedChats,
  type ChangedChatsRequest,
  type ChatPage,
  type ChatPageRequest,
  type Replacement,
  type SetChatOutcome,
  type StoredChat,
  type StoredEntry,
} from "./archive.js";
import type { Database, Queryable, Statement } from "./database.js";
import { howManyFit } from "./how-many-fit.js";
import { storedEntry, type EntryRow } from "./sql-archive-pages.js";

interface ChatRow {
  readonly chat_tag: Uint8Array;
  readonly newest: string;
  readonly version: string;
  readonly revision: string;
  readonly note: Uint8Array | null;
}

/** A chat with what is to be known of its newest entry before that is fetched. */
interface SizedChatRow extends ChatRow {
  /** `null` where it was blanked. */
  readonly bytes: number | null;
}

const COLUMNS = "chat_tag, newest, version, revision, note";

/**
 * The chats of many archives that got entries.
 *
 * @param newest archive, chat tag and counter of each; every chat once
 */
export function chatsHaveGrown(newest: readonly (readonly [string, Uint8Array, number])[]): Statement {
  const rows = newest.map((_, row) => `($${3 * row + 1}, $${3 * row + 2}, $${3 * row + 3})`);
  return {
    text: `INSERT INTO chats (archive, chat_tag, newest) VALUES ${rows.join(", ")}
      ON CONFLICT (archive, chat_tag) DO UPDATE SET newest = EXCLUDED.newest`,
    values: newest.flat(),
  };
}

/** Reads sizes first, as pages of entries do. */
export async function readChats(
  db: Queryable,
  { archive, before, limit, maxBytes }: ChatPageRequest,
): Promise<ChatPage> {
  const { rows } = await db.query<SizedChatRow>({
    text: `SELECT c.chat_tag, c.newest, c.version, c.revision, c.note, octet_length(e.sealed) AS bytes
      FROM chats c LEFT JOIN entries e ON e.archive = c.archive AND e.counter = c.newest
      WHERE c.archive = $1 AND c.newest < $2 ORDER BY c.newest DESC LIMIT $3`,
    // One more than wanted tells whether there are more.
    values: [archive, before ?? Number.MAX_SAFE_INTEGER, limit + 1],
  });
  const fitting = rows.slice(0, howManyFit(rows.map(weightOf), limit, maxBytes));
  const counters = fitting.filter(({ bytes }) => bytes !== null).map(({ newest }) => newest);
  return {
    chats: fitting.map(storedChat),
    latest: counters.length === 0 ? [] : await readEntries(db, archive, counters),
    more: fitting.length < rows.length,
  };
}

export async function readChangedChats(
  db: Queryable,
  { archive, revision, limit, maxBytes }: ChangedChatsRequest,
): Promise<ChangedChats> {
  const { rows } = await db.query<ChatRow>({
    text: `SELECT ${COLUMNS} FROM chats WHERE archive = $1 AND revision > $2 ORDER BY revision LIMIT $3`,
    // One more than wanted tells whether there are more.
    values: [archive, revision, limit + 1],
  });
  const weights = rows.map((row) => weightOf({ ...row, bytes: null }));
  const fitting = rows.slice(0, howManyFit(weights, limit, maxBytes));
  return { chats: fitting.map(storedChat), more: fitting.length < rows.length };
}

export function setChat(
  db: Database,
  archive: ArchiveId,
  chat: Uint8Array,
  { version, sealed }: Replacement,
): Promise<SetChatOutcome> {
  return db.transaction(async (tx) => {
    // Whoever appends holds this row, too, and so nobody else writes to this archive's chats meanwhile.
    const { rows: archives } = await tx.query<{ revision: string }>({
      text: "SELECT revision FROM archives WHERE id = $1 FOR UPDATE",
      values: [archive],
    });
    const { rows } = await tx.query<ChatRow>({
      text: `SELECT ${COLUMNS} FROM chats WHERE archive = $1 AND chat_tag = $2`,
      values: [archive, chat],
    });
    const [found] = rows;
    if (found === undefined || archives[0] === undefined) return { type: "noSuchChat" };
    const current = storedChat(found);
    if (current.version !== version) return { type: "conflict", chat: current };
    const written = {
      ...current,
      version: version + 1,
      revision: Number(archives[0].revision) + 1,
      note: sealed,
    };
    await tx.query({
      text: "UPDATE archives SET revision = $2 WHERE id = $1",
      values: [archive, written.revision],
    });
    await tx.query({
      text: "UPDATE chats SET version = $3, revision = $4, note = $5 WHERE archive = $1 AND chat_tag = $2",
      values: [archive, chat, written.version, written.revision, sealed],
    });
    return { type: "written", chat: written };
  });
}

async function readEntries(
  db: Queryable,
  archive: ArchiveId,
  counters: readonly string[],
): Promise<StoredEntry[]> {
  const { rows } = await db.query<EntryRow>({
    text: `SELECT counter, chat_tag, entry_tag, sealed FROM entries
      WHERE archive = $1 AND counter = ANY($2::bigint[]) AND sealed IS NOT NULL ORDER BY counter DESC`,
    values: [archive, counters],
  });
  return rows.map(storedEntry);
}

function weightOf({ note, bytes }: SizedChatRow): number {
  return CHAT_OVERHEAD_BYTES + (note?.length ?? 0) + (bytes === null ? 0 : bytes + ENTRY_OVERHEAD_BYTES);
}

function storedChat(row: ChatRow): StoredChat {
  return {
    chat: row.chat_tag,
    newest: Number(row.newest),
    version: Number(row.version),
    revision: Number(row.revision),
    note: row.note,
  };
}
