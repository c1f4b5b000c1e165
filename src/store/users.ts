/** Accounts as operators see them: who has one, and who may not use it for now. */
import type { UserStatus } from "../protocol/operator.js";
import { parseUserName, type AccountId, type DeviceId, type UserName } from "../protocol/ids.js";
import type { Database, Queryable } from "./database.js";
import { dayOf } from "./day.js";
import { accountIdOfUuid, deviceIdOfUuid } from "./uuid.js";

export interface UsersAsked {
  /** Only names behind this one. */
  readonly after: UserName | null;
  readonly limit: number;
  /** Only names that hold this text; empty for all. */
  readonly search: string;
}

/** What a suspension, or its end, did. */
export interface SuspensionDone {
  /** It was not so before. */
  readonly changed: boolean;
  /** Devices whose sessions are over. */
  readonly devices: readonly DeviceId[];
}

/** All methods throw a StoreError where the database fails. */
export interface UserStore {
  /** In the order of their names, which is the database's own. */
  page(asked: UsersAsked): Promise<UserStatus[]>;
  /**
   * From now on nobody logs in to the account, and its sessions let nobody in.
   *
   * @param at milliseconds since 1970
   * @returns its devices, also where it was suspended already; `null` where nobody has the name
   */
  suspend(name: UserName, at: number): Promise<SuspensionDone | null>;
  /** Whoever knows the password may log in again; the sessions from before are gone. @returns as {@link suspend} */
  lift(name: UserName): Promise<SuspensionDone | null>;
}

interface UserRow {
  readonly id: string;
  readonly name: string;
  readonly created_on: string | null;
  readonly suspended_at: Date | null;
}

interface Presence {
  readonly devices: number;
  readonly lastUsedAt: number;
}

export function sqlUsers(db: Database): UserStore {
  return {
    async page({ after, limit, search }) {
      const { rows } = await db.query<UserRow>({
        text: `SELECT id, name, to_char(created_on, 'YYYY-MM-DD') AS created_on, suspended_at FROM accounts
               WHERE name > $1 AND strpos(name, $2) > 0 ORDER BY name LIMIT $3`,
        values: [after ?? "", search, limit],
      });
      const presences = await presencesOf(
        db,
        rows.map(({ id }) => accountIdOfUuid(id)),
      );
      return rows.map((row) => {
        const presence = presences.get(accountIdOfUuid(row.id));
        return {
          name: nameOf(row),
          since: row.created_on,
          devices: presence?.devices ?? 0,
          lastSeen: presence === undefined ? null : dayOf(presence.lastUsedAt),
          suspended: row.suspended_at !== null,
        };
      });
    },

    suspend(name, at) {
      return db.transaction(async (tx) => {
        const found = await lockAccount(tx, name);
        if (found === null) return null;
        if (!found.suspended) {
          await tx.query({
            text: "UPDATE accounts SET suspended_at = $2 WHERE id = $1",
            values: [found.account, new Date(at)],
          });
        }
        return { changed: !found.suspended, devices: await devicesOf(tx, found.account) };
      });
    },

    lift(name) {
      return db.transaction(async (tx) => {
        const found = await lockAccount(tx, name);
        if (found === null) return null;
        if (!found.suspended) return { changed: false, devices: [] };
        const { account } = found;
        const devices = await devicesOf(tx, account);
        await tx.query({ text: "UPDATE accounts SET suspended_at = NULL WHERE id = $1", values: [account] });
        await tx.query({ text: "DELETE FROM sessions WHERE account = $1", values: [account] });
        return { changed: true, devices };
      });
    },
  };
}

/** A login holds the same row: it has opened its session before, or finds out about the suspension. */
async function lockAccount(
  tx: Queryable,
  name: UserName,
): Promise<{ account: AccountId; suspended: boolean } | null> {
  const { rows } = await tx.query<{ id: string; suspended_at: Date | null }>({
    text: "SELECT id, suspended_at FROM accounts WHERE name = $1 FOR UPDATE",
    values: [name],
  });
  const [row] = rows;
  return row === undefined
    ? null
    : { account: accountIdOfUuid(row.id), suspended: row.suspended_at !== null };
}

async function devicesOf(tx: Queryable, account: AccountId): Promise<DeviceId[]> {
  const { rows } = await tx.query<{ device: string }>({
    text: "SELECT device FROM sessions WHERE account = $1",
    values: [account],
  });
  return rows.map(({ device }) => deviceIdOfUuid(device));
}

async function presencesOf(
  db: Queryable,
  accounts: readonly AccountId[],
): Promise<ReadonlyMap<AccountId, Presence>> {
  if (accounts.length === 0) return new Map();
  const { rows } = await db.query<{ account: string; devices: string; last_used_at: Date }>({
    text: `SELECT account, count(*) AS devices, max(last_used_at) AS last_used_at FROM sessions
           WHERE account = ANY($1::uuid[]) GROUP BY account`,
    values: [accounts],
  });
  return new Map(
    rows.map(({ account, devices, last_used_at }) => [
      accountIdOfUuid(account),
      { devices: Number(devices), lastUsedAt: last_used_at.getTime() },
    ]),
  );
}

function nameOf({ name }: UserRow): UserName {
  const parsed = parseUserName(name);
  if (parsed === null) throw new TypeError("the database holds a name that is none");
  return parsed;
}
