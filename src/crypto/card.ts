/** Cards (PROTOCOL.md, "Cards"): the public keys of an account under the signature of its identity key. */
import { concatBytes, fromBase64Url, toBase64Url, utf8 } from "../protocol/bytes.js";
import type { Card } from "../protocol/http.js";
import { parseUserName, type AccountId, type UserName } from "../protocol/ids.js";
import { accountIdOf } from "./account-id.js";
import { sized, u32 } from "./fields.js";
import type { Identity } from "./identity.js";
import { LABELS } from "./labels.js";
import { rsaModulusBits } from "./rsa-spki.js";
import { verifySignature } from "./signature.js";
import { undecryptable } from "./undecryptable.js";

declare const verified: unique symbol;

/** A card whose signature and keys were checked. Only {@link verifyCard} makes one. */
export interface VerifiedCard {
  readonly [verified]: true;
  readonly account: AccountId;
  readonly name: UserName;
  /** Counts the account's encryption keys. */
  readonly generation: number;
  /** Ed25519, raw, 32 bytes. */
  readonly identityKey: Uint8Array;
  /** SubjectPublicKeyInfo in DER. */
  readonly encryptionKey: Uint8Array;
}

/**
 * Signs a card.
 */
export async function signCard({
  name,
  generation,
  encryptionKey,
  identity,
}: {
  readonly name: UserName;
  /** Counts the account's encryption keys, from 1. */
  readonly generation: number;
  /** RSA public key, SubjectPublicKeyInfo in DER. */
  readonly encryptionKey: Uint8Array;
  readonly identity: Identity;
}): Promise<Card> {
  const signed = cardBytes(name, generation, identity.publicKey, encryptionKey);
  return {
    name,
    identityKey: toBase64Url(identity.publicKey),
    encryptionKey: toBase64Url(encryptionKey),
    generation,
    signature: toBase64Url(await identity.sign(LABELS.cardSignature, signed)),
  };
}

/**
 * Checks a card: its signature, and that its encryption key is an RSA key of 2048 to 8192 bits with exponent 65537.
 * Whether the identity key is the one that this name is known by is for the caller to check.
 *
 * @throws FastChatError `undecryptable`, alike for all causes
 */
export async function verifyCard(card: Card): Promise<VerifiedCard> {
  const identityKey = fromBase64Url(card.identityKey);
  const encryptionKey = fromBase64Url(card.encryptionKey);
  const signature = fromBase64Url(card.signature);
  const { name, generation } = card;
  if (identityKey === null || encryptionKey === null || signature === null) throw undecryptable();
  if (parseUserName(name) !== name || !isU32(generation)) throw undecryptable();
  const signed = cardBytes(name, generation, identityKey, encryptionKey);
  if (!(await verifySignature(identityKey, LABELS.cardSignature, signed, signature))) throw undecryptable();
  if (rsaModulusBits(encryptionKey) === null) throw undecryptable();
  const account = await accountIdOf(identityKey);
  return { account, name, generation, identityKey, encryptionKey } as VerifiedCard;
}

function cardBytes(
  name: UserName,
  generation: number,
  identityKey: Uint8Array,
  encryptionKey: Uint8Array,
): Uint8Array {
  return concatBytes(sized(utf8(name)), u32(generation), sized(identityKey), sized(encryptionKey));
}

function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}
