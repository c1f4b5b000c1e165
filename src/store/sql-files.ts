/** Files in SQL, in the archives' database. */
import type { Database, Queryable } from "./database.js";
import type { BeginOutcome, FileStore, NewFile, PutOutcome } from "./files.js";

interface FileRow {
  readonly chunks: number;
  readonly bytes: string;
  readonly bytes_left: string;
}

/** @param db migrated by `archiveMigrations` */
export function sqlFiles(db: Database): FileStore {
  return {
    begin: (file, voucher, mostBytes) =>
      db.transaction(async (tx): Promise<BeginOutcome> => {
        const before = await find(tx, file);
        if (before !== null) return before;
        const { rows } = await tx.query<{ total: string | null }>({
          text: "SELECT sum(bytes) AS total FROM files",
        });
        // Several at once may come out above it by one file each: it bounds a disk, not an account.
        if (Number(rows[0]?.total ?? 0) + file.bytes > mostBytes) return "full";
        const spent = await tx.query({
          name: "archive-spend-voucher",
          text: "INSERT INTO used_vouchers (nonce_hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
          values: [voucher.nonceHash, voucher.expiresAt],
        });
        // The same client may have begun it in another connection just now.
        if (spent.rowCount === 0) return (await find(tx, file)) ?? "voucherUsed";
        await tx.query({
          text: `INSERT INTO files (id, chunks, bytes, bytes_left, expires_at) VALUES ($1, $2, $3, $3, $4)`,
          values: [file.id, file.chunks, file.bytes, file.expiresAt],
        });
        return "begun";
      }),

    put: (file, number, sealed) =>
      db.transaction(async (tx): Promise<PutOutcome> => {
        const { rows } = await tx.query<FileRow>({
          text: "SELECT chunks, bytes, bytes_left FROM files WHERE id = $1 FOR UPDATE",
          values: [file],
        });
        const [row] = rows;
        if (row === undefined) return "noSuchFile";
        if (number >= row.chunks) return "tooLarge";
        const { rows: known } = await tx.query({
          text: "SELECT number FROM file_chunks WHERE file = $1 AND number = $2",
          values: [file, number],
        });
        if (known.length > 0) return "had";
        if (Number(row.bytes_left) < sealed.length) return "tooLarge";
        await tx.query({
          text: "INSERT INTO file_chunks (file, number, sealed) VALUES ($1, $2, $3)",
          values: [file, number, sealed],
        });
        await tx.query({
          text: "UPDATE files SET bytes_left = $2 WHERE id = $1",
          values: [file, Number(row.bytes_left) - sealed.length],
        });
        return "stored";
      }),

    async get(file, number) {
      const { rows } = await db.query<{ sealed: Uint8Array }>({
        text: "SELECT sealed FROM file_chunks WHERE file = $1 AND number = $2",
        values: [file, number],
      });
      return rows[0]?.sealed ?? null;
    },

    async sweep(time) {
      await db.query({ text: "DELETE FROM files WHERE expires_at < $1", values: [time], does: "remove" });
    },
  };
}

async function find(tx: Queryable, file: NewFile): Promise<"exists" | "conflict" | null> {
  const { rows } = await tx.query<FileRow>({
    text: "SELECT chunks, bytes, bytes_left FROM files WHERE id = $1",
    values: [file.id],
  });
  const [row] = rows;
  if (row === undefined) return null;
  return row.chunks === file.chunks && Number(row.bytes) === file.bytes ? "exists" : "conflict";
}
