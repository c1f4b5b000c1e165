/** Accounts as bare rows, for tests that need somebody to write to and none of their keys. */
import { randomBytes } from "node:crypto";
import { parseAccountId, type AccountId } from "../../src/protocol/ids.js";
import type { Queryable } from "../../src/store/database.js";
import { insertStatements } from "../../src/store/insert-statements.js";

const insertRows = insertStatements("accounts", [
  "id",
  "name",
  "identity_key",
  "encryption_key",
  "card_generation",
  "card_signature",
  "opaque_record",
  "stretching",
  "vault_generation",
  "vault_sealed",
]);

/** An id that belongs to nobody. */
export function randomAccount(): AccountId {
  const account = parseAccountId(randomBytes(16).toString("hex"));
  if (account === null) throw new Error("an account id is 32 hexadecimal digits");
  return account;
}

/**
 * Puts accounts into the service's database; their keys, records and vaults are empty.
 *
 * @param accounts ids of the accounts, or how many to make up
 */
export async function insertAccounts(
  db: Queryable,
  accounts: readonly AccountId[] | number,
): Promise<AccountId[]> {
  const ids = typeof accounts === "number" ? Array.from({ length: accounts }, randomAccount) : [...accounts];
  const nothing = new Uint8Array();
  const rows = ids.map((id) => [id, id, nothing, nothing, 1, nothing, "", "{}", 1, nothing]);
  for (const statement of insertRows(rows)) await db.query(statement);
  return ids;
}
