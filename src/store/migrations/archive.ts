/** The archive's database. Nothing in it ties an archive to an account: no times, no addresses, no serial over all. */
import type { Migrations } from "../migrate.js";

export const archiveMigrations: Migrations = {
  schema: "archive",
  steps: [
    {
      version: 1,
      name: "archives, their entries and the vouchers used",
      statements: [
        // The counter is that of the newest entry; whoever appends holds the lock of this row meanwhile.
        `CREATE TABLE archives (
          id uuid PRIMARY KEY,
          token_hash bytea NOT NULL,
          counter bigint NOT NULL DEFAULT 0
        )`,
        // A deleted entry keeps its place, tags and hash, and loses what it sealed.
        `CREATE TABLE entries (
          archive uuid NOT NULL,
          counter bigint NOT NULL,
          chat_tag bytea NOT NULL,
          entry_tag bytea NOT NULL,
          sealed bytea,
          entry_hash bytea NOT NULL,
          PRIMARY KEY (archive, counter),
          CONSTRAINT entries_once UNIQUE (archive, entry_tag),
          CONSTRAINT entries_archive_exists FOREIGN KEY (archive) REFERENCES archives (id) ON DELETE CASCADE
        )`,
        "CREATE INDEX entries_by_chat ON entries (archive, chat_tag, counter)",
        // Milliseconds since 1970; rows go soon after.
        "CREATE TABLE used_vouchers (nonce_hash bytea PRIMARY KEY, expires_at bigint NOT NULL)",
      ],
    },
    {
      version: 2,
      name: "chats with the notes on them, and checkpoints",
      statements: [
        // The revision counts writes of notes on chats, so that devices learn which of them changed.
        "ALTER TABLE archives ADD COLUMN revision bigint NOT NULL DEFAULT 0",
        "ALTER TABLE archives ADD COLUMN checkpoint bytea",
        "ALTER TABLE archives ADD COLUMN checkpoint_version bigint NOT NULL DEFAULT 0",
        // No index on `newest`: it changes with every entry, and people have hundreds of chats, not millions.
        `CREATE TABLE chats (
          archive uuid NOT NULL,
          chat_tag bytea NOT NULL,
          newest bigint NOT NULL,
          version bigint NOT NULL DEFAULT 0,
          revision bigint NOT NULL DEFAULT 0,
          note bytea,
          PRIMARY KEY (archive, chat_tag),
          CONSTRAINT chats_archive_exists FOREIGN KEY (archive) REFERENCES archives (id) ON DELETE CASCADE
        )`,
        `INSERT INTO chats (archive, chat_tag, newest)
         SELECT archive, chat_tag, max(counter) FROM entries GROUP BY archive, chat_tag`,
      ],
    },
    {
      version: 3,
      name: "files",
      statements: [
        // No archive and no time of making: only the day on which a file goes.
        `CREATE TABLE files (
          id uuid PRIMARY KEY,
          chunks integer NOT NULL,
          bytes bigint NOT NULL,
          bytes_left bigint NOT NULL,
          expires_at bigint NOT NULL
        )`,
        `CREATE TABLE file_chunks (
          file uuid NOT NULL,
          number integer NOT NULL,
          sealed bytea NOT NULL,
          PRIMARY KEY (file, number),
          CONSTRAINT file_chunks_file_exists FOREIGN KEY (file) REFERENCES files (id) ON DELETE CASCADE
        )`,
      ],
    },
  ],
};
