/** In SQL, what clients verify an archive by: what its entries are known by, and the checkpoint that they keep in it. */
import type { ArchiveId } from "../protocol/ids.js";
import type { DigestPage, Replacement, StoredCheckpoint } from "./archive.js";
import type { Database, Queryable } from "./database.js";

interface CheckpointRow {
  readonly checkpoint: Uint8Array | null;
  readonly checkpoint_version: string;
}

export async function readDigests(
  db: Queryable,
  archive: ArchiveId,
  after: number,
  limit: number,
): Promise<DigestPage> {
  const { rows } = await db.query<{ chat_tag: Uint8Array; entry_tag: Uint8Array; entry_hash: Uint8Array }>({
    text: `SELECT chat_tag, entry_tag, entry_hash FROM entries WHERE archive = $1 AND counter > $2
      ORDER BY counter LIMIT $3`,
    // One more than wanted tells whether there are more.
    values: [archive, after, limit + 1],
  });
  const digests = rows.slice(0, limit).map((row) => ({
    chat: row.chat_tag,
    entry: row.entry_tag,
    hash: row.entry_hash,
  }));
  return { digests, more: rows.length > limit };
}

export async function readCheckpoint(db: Queryable, archive: ArchiveId): Promise<StoredCheckpoint> {
  const { rows } = await db.query<CheckpointRow>({
    text: "SELECT checkpoint, checkpoint_version FROM archives WHERE id = $1",
    values: [archive],
  });
  const [row] = rows;
  return row === undefined
    ? { version: 0, sealed: null }
    : { version: Number(row.checkpoint_version), sealed: row.checkpoint };
}

export async function replaceCheckpoint(
  db: Database,
  archive: ArchiveId,
  { version, sealed }: Replacement,
): Promise<StoredCheckpoint & { readonly written: boolean }> {
  const { rowCount } = await db.query({
    text: `UPDATE archives SET checkpoint = $3, checkpoint_version = checkpoint_version + 1
      WHERE id = $1 AND checkpoint_version = $2`,
    values: [archive, version, sealed],
    does: "store",
  });
  if (rowCount > 0) return { version: version + 1, sealed, written: true };
  return { ...(await readCheckpoint(db, archive)), written: false };
}
