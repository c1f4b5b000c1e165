/** An account's id is the hash of its identity key: a service cannot give the id to another key. */
import { primitives } from "#primitives";
import { readId16, type AccountId } from "../protocol/ids.js";
import { labelled } from "./fields.js";
import { LABELS } from "./labels.js";

/** @param identityKey Ed25519 public key, raw, 32 bytes */
export async function accountIdOf(identityKey: Uint8Array): Promise<AccountId> {
  return readId16<AccountId>(await primitives.sha256(labelled(LABELS.accountId, identityKey)));
}
