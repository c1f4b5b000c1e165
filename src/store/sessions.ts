/** Sessions: one row for each device that is signed in, found by the SHA-256 of its token. */
import { Batches } from "../node/batches.js";
import { toHex } from "../protocol/bytes.js";
import type { AccountId, DeviceId } from "../protocol/ids.js";
import type { SessionEnd } from "../protocol/threads.js";
import type { Database, Queryable, Statement } from "./database.js";
import { accountIdOfUuid, deviceIdOfUuid } from "./uuid.js";

export interface NewSession {
  readonly account: AccountId;
  readonly device: DeviceId;
  /** SHA-256 of the session token: the token itself is nowhere but with the device. */
  readonly tokenHash: Uint8Array;
  /** What the person sees in the list of devices. */
  readonly label: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface StoredSession {
  readonly account: AccountId;
  readonly device: DeviceId;
  /** Milliseconds since 1970. */
  readonly lastUsedAt: number;
  /** Its account is suspended: it lets nobody in. */
  readonly suspended: boolean;
}

/** A device that may not be connected, and the code that it is told. */
export interface EndedSession {
  readonly device: DeviceId;
  readonly why: SessionEnd;
}

/** A session as its account's devices see it. */
export interface ListedSession {
  readonly device: DeviceId;
  readonly label: string;
  /** Milliseconds since 1970. */
  readonly signedInAt: number;
  /** Milliseconds since 1970. */
  readonly lastUsedAt: number;
}

/** All methods throw a StoreError where the database fails. */
export interface SessionStore {
  find(tokenHash: Uint8Array): Promise<StoredSession | null>;
  /** An account's sessions, the one that was used last first. */
  list(account: AccountId): Promise<ListedSession[]>;
  /** Notes when these devices were last here. @param at milliseconds since 1970 */
  touch(devices: readonly DeviceId[], at: number): Promise<void>;
  /** @returns whether there was such a session */
  end(device: DeviceId): Promise<boolean>;
  /** Those of `devices` that have no session, or no longer, or whose account is suspended. */
  ended(devices: readonly DeviceId[]): Promise<EndedSession[]>;
}

/** Devices asked for in one statement. */
const CHUNK = 1000;

export function sqlSessions(db: Database): SessionStore {
  const found = new Batches({
    work: (tokenHashes: readonly Uint8Array[]) => findSessions(db, tokenHashes),
    most: CHUNK,
  });
  return {
    find: (tokenHash) => found.add(tokenHash),

    async list(account) {
      const { rows } = await db.query<{
        device: string;
        label: string;
        created_at: Date;
        last_used_at: Date;
      }>({
        text: `SELECT device, label, created_at, last_used_at FROM sessions WHERE account = $1
          ORDER BY last_used_at DESC, device`,
        values: [account],
      });
      return rows.map((row) => ({
        device: deviceIdOfUuid(row.device),
        label: row.label,
        signedInAt: row.created_at.getTime(),
        lastUsedAt: row.last_used_at.getTime(),
      }));
    },

    async touch(devices, at) {
      for (let start = 0; start < devices.length; start += CHUNK) {
        await db.query({
          name: "session-touch",
          text: "UPDATE sessions SET last_used_at = $2 WHERE device = ANY($1::uuid[])",
          values: [devices.slice(start, start + CHUNK), new Date(at)],
          does: "store",
        });
      }
    },

    async end(device) {
      const { rowCount } = await db.query({
        name: "session-end",
        text: "DELETE FROM sessions WHERE device = $1",
        values: [device],
        does: "remove",
      });
      return rowCount > 0;
    },

    async ended(devices) {
      const ended: EndedSession[] = [];
      for (let start = 0; start < devices.length; start += CHUNK) {
        const chunk = devices.slice(start, start + CHUNK);
        const { rows } = await db.query<{ device: string; suspended_at: Date | null }>({
          name: "session-present",
          text: `SELECT s.device, a.suspended_at FROM sessions s JOIN accounts a ON a.id = s.account
                 WHERE s.device = ANY($1::uuid[])`,
          values: [chunk],
        });
        const present = new Map(rows.map((row) => [deviceIdOfUuid(row.device), row.suspended_at !== null]));
        for (const device of chunk) {
          const suspended = present.get(device);
          if (suspended !== false)
            ended.push({ device, why: suspended === true ? "suspended" : "notSignedIn" });
        }
      }
      return ended;
    },
  };
}

async function findSessions(
  db: Queryable,
  tokenHashes: readonly Uint8Array[],
): Promise<(StoredSession | null)[]> {
  const { rows } = await db.query<{
    token_hash: Uint8Array;
    account: string;
    device: string;
    last_used_at: Date;
    suspended_at: Date | null;
  }>({
    name: "session-find",
    text: `SELECT s.token_hash, s.account, s.device, s.last_used_at, a.suspended_at
           FROM sessions s JOIN accounts a ON a.id = s.account WHERE s.token_hash = ANY($1::bytea[])`,
    values: [tokenHashes],
  });
  const sessions = new Map(
    rows.map((row): [string, StoredSession] => [
      toHex(row.token_hash),
      {
        account: accountIdOfUuid(row.account),
        device: deviceIdOfUuid(row.device),
        lastUsedAt: row.last_used_at.getTime(),
        suspended: row.suspended_at !== null,
      },
    ]),
  );
  return tokenHashes.map((hash) => sessions.get(toHex(hash)) ?? null);
}

/** Opens sessions, within the transaction that proves it is right to. */
export function sessionInsert(sessions: readonly NewSession[]): Statement {
  return {
    name: "session-insert",
    text: `INSERT INTO sessions (device, account, token_hash, label, created_at, last_used_at)
           SELECT device, account, token_hash, label, at, at
           FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::text[], $5::timestamptz[])
             AS opened (device, account, token_hash, label, at)`,
    values: [
      sessions.map(({ device }) => device),
      sessions.map(({ account }) => account),
      sessions.map(({ tokenHash }) => tokenHash),
      sessions.map(({ label }) => label),
      sessions.map(({ at }) => new Date(at)),
    ],
  };
}

/**
 * How many sessions accounts have. To be asked within a transaction that holds the accounts' rows: two logins at once would
 * otherwise both see room.
 */
export async function countSessions(
  tx: Queryable,
  accounts: readonly AccountId[],
): Promise<Map<AccountId, number>> {
  const { rows } = await tx.query<{ account: string; sessions: string }>({
    name: "session-count",
    text: "SELECT account, count(*) AS sessions FROM sessions WHERE account = ANY($1::uuid[]) GROUP BY account",
    values: [accounts],
  });
  return new Map(rows.map((row) => [accountIdOfUuid(row.account), Number(row.sessions)]));
}

/**
 * Ends the oldest sessions of accounts, beyond the newest `most` of each. As {@link countSessions} within a transaction.
 *
 * @returns whose they were, by account
 */
export async function endOldest(
  tx: Queryable,
  accounts: readonly { readonly account: AccountId; readonly most: number }[],
): Promise<Map<AccountId, DeviceId[]>> {
  if (accounts.length === 0) return new Map();
  const { rows } = await tx.query<{ account: string; device: string }>({
    name: "session-order",
    text: `SELECT account, device FROM sessions WHERE account = ANY($1::uuid[])
           ORDER BY created_at DESC, device`,
    values: [accounts.map(({ account }) => account)],
  });
  const newestFirst = new Map<AccountId, DeviceId[]>();
  for (const row of rows) {
    const account = accountIdOfUuid(row.account);
    const devices = newestFirst.get(account) ?? [];
    newestFirst.set(account, devices);
    devices.push(deviceIdOfUuid(row.device));
  }
  const ended = new Map(
    accounts.map(({ account, most }) => [account, newestFirst.get(account)?.slice(most) ?? []]),
  );
  await tx.query({
    name: "session-end-all",
    text: "DELETE FROM sessions WHERE device = ANY($1::uuid[])",
    values: [[...ended.values()].flat()],
  });
  return ended;
}
