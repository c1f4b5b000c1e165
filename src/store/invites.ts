/** Invites to sign up, found by the SHA-256 of their codes. Who came by which one is not kept. */
import type { InviteStatus } from "../protocol/operator.js";
import type { Database, Queryable } from "./database.js";

export interface NewInviteRow {
  /** SHA-256 of the code: the code itself is nowhere but with whom it was given to. */
  readonly codeHash: Uint8Array;
  /** Accounts that it lets in. */
  readonly uses: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** All methods throw a StoreError where the database fails. */
export interface InviteStore {
  /**
   * Makes an invite, and forgets those whose time is over.
   *
   * @param most that there may be, the new one included
   * @returns `null` where there are as many already
   */
  make(invite: NewInviteRow, most: number): Promise<InviteStatus | null>;
  /** Whether the code lets somebody in at that moment. @param at milliseconds since 1970 */
  isGood(codeHash: Uint8Array, at: number): Promise<boolean>;
  /** Those whose time is not over, the newest first; used up ones among them. @param at milliseconds since 1970 */
  list(at: number): Promise<InviteStatus[]>;
  /** @returns whether there was such an invite */
  revoke(id: number): Promise<boolean>;
}

interface InviteRow {
  readonly id: number;
  readonly uses: number;
  readonly uses_left: number;
  readonly made_at: Date;
  readonly expires_at: Date;
}

const COLUMNS = "id, uses, uses_left, made_at, expires_at";

export function sqlInvites(db: Database): InviteStore {
  return {
    make(invite, most) {
      return db.transaction(async (tx) => {
        // Two at once may both find the last place. The bound is there to keep a list readable: one more does no harm.
        await tx.query({ text: "DELETE FROM invites WHERE expires_at <= $1", values: [new Date(invite.at)] });
        const { rows } = await tx.query<{ count: string }>({ text: "SELECT count(*) AS count FROM invites" });
        if (Number(rows[0]?.count ?? 0) >= most) return null;
        const inserted = await tx.query<InviteRow>({
          text: `INSERT INTO invites (code_hash, uses, uses_left, made_at, expires_at)
                 VALUES ($1, $2, $2, $3, $4) RETURNING ${COLUMNS}`,
          values: [invite.codeHash, invite.uses, new Date(invite.at), new Date(invite.expiresAt)],
        });
        const [row] = inserted.rows;
        if (row === undefined) throw new TypeError("the database answered an insert without its row");
        return statusOf(row);
      });
    },

    async isGood(codeHash, at) {
      const { rows } = await db.query({
        text: "SELECT id FROM invites WHERE code_hash = $1 AND uses_left > 0 AND expires_at > $2",
        values: [codeHash, new Date(at)],
      });
      return rows.length > 0;
    },

    async list(at) {
      const { rows } = await db.query<InviteRow>({
        text: `SELECT ${COLUMNS} FROM invites WHERE expires_at > $1 ORDER BY id DESC`,
        values: [new Date(at)],
      });
      return rows.map(statusOf);
    },

    async revoke(id) {
      const { rowCount } = await db.query({
        text: "DELETE FROM invites WHERE id = $1",
        values: [id],
        does: "remove",
      });
      return rowCount > 0;
    },
  };
}

/**
 * Takes one use of an invite, within the transaction that makes the account: it holds the invite's row until that one
 * ends, so that no more come in than it lets in.
 *
 * @param at milliseconds since 1970
 * @returns whether there was one left
 */
export async function takeUse(tx: Queryable, codeHash: Uint8Array, at: number): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: "invite-take",
    text: "UPDATE invites SET uses_left = uses_left - 1 WHERE code_hash = $1 AND uses_left > 0 AND expires_at > $2",
    values: [codeHash, new Date(at)],
  });
  return rowCount > 0;
}

function statusOf({ id, uses, uses_left, made_at, expires_at }: InviteRow): InviteStatus {
  return {
    id,
    uses,
    usesLeft: uses_left,
    madeAt: made_at.getTime(),
    expiresAt: expires_at.getTime(),
  };
}
