/** Accounts with ready keys, so that tests need not wait for new ones. */
import { importAccountKeys, type AccountKeys } from "../../src/crypto/account-keys.js";
import { verifyCard, type VerifiedCard } from "../../src/crypto/card.js";
import { newVaultContents, type VaultContents } from "../../src/crypto/vault-contents.js";
import type { Card } from "../../src/protocol/http.js";
import type { AccountId } from "../../src/protocol/ids.js";
import { bytesOf, independent } from "./vectors.js";

export interface Person {
  readonly account: AccountId;
  readonly contents: VaultContents;
  readonly keys: AccountKeys;
  readonly card: Card;
  readonly verified: VerifiedCard;
}

/** @param name bob and alice have keys of 2048 bits, carol one of 3072 */
export async function person(name: "alice" | "bob" | "carol"): Promise<Person> {
  const { seed, privateKey, card, account } = independent[name];
  const contents: VaultContents = {
    ...newVaultContents(bytesOf(privateKey)),
    identitySeed: bytesOf(seed),
  };
  return {
    account,
    contents,
    keys: await importAccountKeys(contents),
    card,
    verified: await verifyCard(card),
  };
}
