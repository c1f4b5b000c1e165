/** The identity of an account: an Ed25519 key for its whole life. */
import { primitives } from "#primitives";
import type { AccountId } from "../protocol/ids.js";
import { redacted } from "../protocol/redacted.js";
import { accountIdOf } from "./account-id.js";
import { labelled } from "./fields.js";

export interface Identity {
  readonly account: AccountId;
  /** Ed25519, raw, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** @returns 64 bytes over label || 0x00 || message */
  sign(label: string, message: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
}

/** A new identity's seed, 32 bytes. */
export function newIdentitySeed(): Uint8Array<ArrayBuffer> {
  return redacted(primitives.randomBytes(32));
}

/** @param seed 32 bytes (RFC 8032, section 5.1.5) */
export async function identityFromSeed(seed: Uint8Array): Promise<Identity> {
  const key = await primitives.ed25519.importPrivateKey(seed);
  const account = await accountIdOf(key.publicKey);
  return redacted({
    account,
    publicKey: key.publicKey,
    sign: (label: string, message: Uint8Array) => primitives.ed25519.sign(key, labelled(label, message)),
  });
}
