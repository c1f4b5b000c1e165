/**
 * The vault (PROTOCOL.md, "Vault"): all private material of an account, sealed under a random vault key, which is
 * wrapped under each secret that may open it.
 *
 * `sealed` of the record is: u8 format, u8 count, so many SHA-256 of the public keys inside (the identity first, then
 * the encryption keys, newest first), then a sealed record that is bound to these hashes.
 */
import { primitives } from "#primitives";
import { concatBytes, equalBytes, fromBase64Url, toBase64Url, utf8 } from "../protocol/bytes.js";
import { FastChatError } from "../protocol/errors.js";
import type { VaultRecord } from "../protocol/http.js";
import type { AccountId } from "../protocol/ids.js";
import { importAccountKeys, type AccountKeys } from "./account-keys.js";
import type { VerifiedCard } from "./card.js";
import { LABELS } from "./labels.js";
import { open, seal, SEALING_KEY_BYTES, type SealContext } from "./sealed.js";
import { undecryptable } from "./undecryptable.js";
import { decodeVaultContents, encodeVaultContents, type VaultContents } from "./vault-contents.js";

const FORMAT = 1;
const HASHES_AT = 2;
const HASH_BYTES = 32;
const MIN_EXPORT_KEY_BYTES = 32;
/** What the service takes of a sealed vault, before it is turned into text. */
const MAX_SEALED_BYTES = 48 * 1024;

/** Which secret a wrapping of the vault key needs. */
type WrappingKind = "password";

/**
 * Seals a vault under a fresh vault key.
 *
 * @throws FastChatError `tooLarge` where the contents do not fit in a record
 */
export async function sealVault({
  contents,
  account,
  generation,
  exportKey,
}: {
  readonly contents: VaultContents;
  /** Whose vault it is. */
  readonly account: AccountId;
  /** Of the record: one more than that of the record it replaces. */
  readonly generation: number;
  /** Of OPAQUE's registration or login (RFC 9807, section 3.3), at least 32 bytes. */
  readonly exportKey: Uint8Array;
}): Promise<VaultRecord> {
  const keys = await importAccountKeys(contents);
  if (keys.identity.account !== account) throw new RangeError("the vault of another account");
  const hashes = await publicKeyHashes(keys);
  const vaultKey = primitives.randomBytes(SEALING_KEY_BYTES);
  const sealed = concatBytes(
    Uint8Array.of(FORMAT, hashes.length),
    ...hashes,
    await seal(vaultKey, vaultContext(account, generation, hashes), encodeVaultContents(contents)),
  );
  if (sealed.length > MAX_SEALED_BYTES) {
    throw new FastChatError(
      "tooLarge",
      `The vault's ${sealed.length} bytes are more than the service takes.`,
    );
  }
  const wrapped = await seal(
    await passwordKey(exportKey),
    wrappingContext("password", account, generation),
    vaultKey,
  );
  return {
    generation,
    sealed: toBase64Url(sealed),
    wrappings: [{ kind: "password", wrapped: toBase64Url(wrapped) }],
  };
}

/**
 * Opens a vault and compares the public keys of what it holds with the account's card.
 *
 * Whether the record's generation is as new as one seen before is for the caller to check.
 *
 * @throws FastChatError `undecryptable`, alike for a wrong password, tampering, another account's vault or card, and
 *   malformed data
 */
export async function openVault({
  record,
  account,
  card,
  exportKey,
}: {
  readonly record: VaultRecord;
  readonly account: AccountId;
  readonly card: VerifiedCard;
  readonly exportKey: Uint8Array;
}): Promise<VaultContents> {
  const { generation } = record;
  const wrapping = record.wrappings.find(({ kind }) => kind === "password");
  const wrapped = fromBase64Url(wrapping?.wrapped ?? "");
  const parts = splitSealed(fromBase64Url(record.sealed));
  if (wrapped === null || parts === null || !isGeneration(generation)) throw undecryptable();
  const vaultKey = await open(
    await passwordKey(exportKey),
    wrappingContext("password", account, generation),
    wrapped,
  );
  if (vaultKey.length !== SEALING_KEY_BYTES) throw undecryptable();
  const context = vaultContext(account, generation, parts.hashes);
  const contents = decodeVaultContents(await open(vaultKey, context, parts.sealed));
  const keys = await importAccountKeys(contents);
  if (!sameHashes(await publicKeyHashes(keys), parts.hashes) || !isOnCard(keys, account, card)) {
    throw undecryptable();
  }
  return contents;
}

function splitSealed(bytes: Uint8Array | null): { hashes: Uint8Array[]; sealed: Uint8Array } | null {
  if (bytes === null || bytes[0] !== FORMAT) return null;
  const hashes: Uint8Array[] = [];
  const end = HASHES_AT + (bytes[1] ?? 0) * HASH_BYTES;
  if (bytes.length < end) return null;
  for (let at = HASHES_AT; at < end; at += HASH_BYTES) hashes.push(bytes.subarray(at, at + HASH_BYTES));
  return { hashes, sealed: bytes.subarray(end) };
}

async function publicKeyHashes({ identity, privateKeys }: AccountKeys): Promise<Uint8Array[]> {
  const publicKeys = [identity.publicKey, ...privateKeys.map(({ publicKey }) => publicKey)];
  return Promise.all(publicKeys.map((key) => primitives.sha256(key)));
}

function sameHashes(ours: readonly Uint8Array[], theirs: readonly Uint8Array[]): boolean {
  return equalBytes(concatBytes(...ours), concatBytes(...theirs));
}

function isOnCard({ identity, encryption }: AccountKeys, account: AccountId, card: VerifiedCard): boolean {
  return (
    identity.account === account &&
    card.account === account &&
    equalBytes(identity.publicKey, card.identityKey) &&
    equalBytes(encryption.key.publicKey, card.encryptionKey) &&
    encryption.generation === card.generation
  );
}

async function passwordKey(exportKey: Uint8Array): Promise<Uint8Array> {
  if (exportKey.length < MIN_EXPORT_KEY_BYTES) throw new RangeError("an export key has at least 32 bytes");
  return primitives.hkdfSha256(
    exportKey,
    new Uint8Array(0),
    utf8(LABELS.vaultPasswordKey),
    SEALING_KEY_BYTES,
  );
}

function vaultContext(account: AccountId, generation: number, hashes: readonly Uint8Array[]): SealContext {
  return { format: FORMAT, purpose: "vault", owner: account, generation, extra: hashes };
}

function wrappingContext(kind: WrappingKind, account: AccountId, generation: number): SealContext {
  return { format: FORMAT, purpose: "vault-key", owner: account, generation, extra: [utf8(kind)] };
}

function isGeneration(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 0xffffffff;
}
