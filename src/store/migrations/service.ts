/** The service's database: accounts, sessions, and the messages that wait for their recipients. */
import type { Migrations } from "../migrate.js";

export const serviceMigrations: Migrations = {
  schema: "service",
  steps: [
    {
      version: 1,
      name: "accounts, sessions and deliveries",
      statements: [
        `CREATE TABLE accounts (
          id uuid PRIMARY KEY,
          name text NOT NULL CONSTRAINT accounts_name_taken UNIQUE,
          identity_key bytea NOT NULL,
          encryption_key bytea NOT NULL,
          card_generation bigint NOT NULL,
          card_signature bytea NOT NULL,
          opaque_record text NOT NULL,
          stretching text NOT NULL,
          vault_generation bigint NOT NULL,
          vault_sealed bytea NOT NULL
        )`,
        `CREATE TABLE vault_wrappings (
          account uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
          kind text NOT NULL,
          wrapped bytea NOT NULL,
          PRIMARY KEY (account, kind)
        )`,
        `CREATE TABLE sessions (
          device uuid PRIMARY KEY,
          account uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
          token_hash bytea NOT NULL UNIQUE,
          label text NOT NULL,
          created_at timestamptz NOT NULL,
          last_used_at timestamptz NOT NULL
        )`,
        "CREATE INDEX sessions_by_account ON sessions (account)",
        `CREATE TABLE voucher_grants (
          account uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
          day date NOT NULL,
          granted integer NOT NULL,
          PRIMARY KEY (account, day)
        )`,
        "CREATE TABLE bodies (id uuid PRIMARY KEY, content bytea NOT NULL)",
        // Positions come from one sequence without a cache: with one, a home that takes over an account could draw
        // lower positions than the home before it, and the account's messages would be read in the wrong order.
        `CREATE TABLE deliveries (
          position bigint GENERATED ALWAYS AS IDENTITY,
          recipient uuid NOT NULL,
          sender uuid NOT NULL,
          message uuid NOT NULL,
          conversation bytea NOT NULL,
          epoch bigint NOT NULL,
          wrapped_key bytea NOT NULL,
          body uuid NOT NULL,
          PRIMARY KEY (recipient, sender, message),
          CONSTRAINT deliveries_recipient_exists FOREIGN KEY (recipient) REFERENCES accounts (id) ON DELETE CASCADE,
          CONSTRAINT deliveries_body_exists FOREIGN KEY (body) REFERENCES bodies (id)
        )`,
        "CREATE INDEX deliveries_in_order ON deliveries (recipient, position)",
        // For the sweep, and for the foreign key when a body is deleted: without it each body costs a pass over all
        // deliveries. It is cheap to keep, since body ids grow and new entries go to its end.
        "CREATE INDEX deliveries_by_body ON deliveries (body)",
      ],
    },
    {
      version: 2,
      name: "checkpoints of archives",
      // No count of its writes: it would grow as the archive's own does, and so tie the two together.
      statements: ["ALTER TABLE accounts ADD COLUMN checkpoint bytea"],
    },
    {
      version: 3,
      name: "room for files",
      statements: [
        `CREATE TABLE file_grants (
          account uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
          day date NOT NULL,
          mib integer NOT NULL,
          PRIMARY KEY (account, day)
        )`,
      ],
    },
    {
      version: 4,
      name: "logs of groups",
      statements: [
        // Who is a member follows from the events; nothing else says so.
        `CREATE TABLE group_events (
          group_id bytea NOT NULL,
          number bigint NOT NULL,
          hash bytea NOT NULL,
          content bytea NOT NULL,
          PRIMARY KEY (group_id, number)
        )`,
      ],
    },
    {
      version: 5,
      name: "invites and suspended accounts",
      statements: [
        // A day and no time: an archive that is filled from some moment on would otherwise be known by it.
        "ALTER TABLE accounts ADD COLUMN created_on date",
        "ALTER TABLE accounts ADD COLUMN suspended_at timestamptz",
        `CREATE TABLE invites (
          id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          code_hash bytea NOT NULL UNIQUE,
          uses integer NOT NULL,
          uses_left integer NOT NULL,
          made_at timestamptz NOT NULL,
          expires_at timestamptz NOT NULL
        )`,
      ],
    },
  ],
};
