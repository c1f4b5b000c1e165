/** How many vouchers for archives, and how much room for files, an account was given on a day. Which ones, nobody stores: a voucher names no account. */
import type { AccountId } from "../protocol/ids.js";
import type { Database } from "./database.js";

export interface VoucherStore {
  /**
   * Counts one more voucher.
   *
   * @param day of the calendar in UTC, as `2026-01-31`
   * @param most how many an account may have in a day
   * @returns false, with nothing counted, where it had that many
   * @throws StoreError
   */
  grant(account: AccountId, day: string, most: number): Promise<boolean>;
  /**
   * Counts room for a file.
   *
   * @param day as for {@link grant}
   * @param mib of the file
   * @param most how many MiB an account may store in a day
   * @returns false, with nothing counted, where that would be more
   * @throws StoreError
   */
  grantFile(account: AccountId, day: string, mib: number, most: number): Promise<boolean>;
}

export function sqlVouchers(db: Database): VoucherStore {
  return {
    async grant(account, day, most) {
      // Counting and comparing in one statement: of two requests at once, only one gets the last voucher. The count
      // stops at one beyond the limit, which is what a refusal looks like.
      const { rows } = await db.query<{ granted: number }>({
        name: "voucher-grant",
        text: `INSERT INTO voucher_grants (account, day, granted) VALUES ($1, $2, 1)
               ON CONFLICT (account, day) DO UPDATE SET granted = LEAST(voucher_grants.granted + 1, $3)
               RETURNING granted`,
        values: [account, day, most + 1],
        does: "store",
      });
      const granted = rows[0]?.granted ?? most + 1;
      if (granted === 1) {
        await db.query({
          name: "voucher-forget",
          text: "DELETE FROM voucher_grants WHERE account = $1 AND day < $2",
          values: [account, day],
          does: "remove",
        });
      }
      return granted <= most;
    },

    async grantFile(account, day, mib, most) {
      const { rowCount: begun } = await db.query({
        name: "file-grant-begin",
        text: "INSERT INTO file_grants (account, day, mib) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
        values: [account, day],
        does: "store",
      });
      if (begun > 0) {
        await db.query({
          name: "file-grant-forget",
          text: "DELETE FROM file_grants WHERE account = $1 AND day < $2",
          values: [account, day],
          does: "remove",
        });
      }
      // Counting and comparing in one statement: of two requests at once, only one gets the last room.
      const { rowCount } = await db.query({
        name: "file-grant",
        text: "UPDATE file_grants SET mib = mib + $3 WHERE account = $1 AND day = $2 AND mib <= $4",
        values: [account, day, mib, most - mib],
        does: "store",
      });
      return rowCount > 0;
    },
  };
}
