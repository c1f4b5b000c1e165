/**
 * Sealed records (PROTOCOL.md, "Sealed records"): the one construction for everything that is stored, whoever stores it.
 *
 * ```
 *  0  u8    version, 1
 *  1  16 B  IV
 * 17        ciphertext: AES-256-CBC
 *    32 B   HMAC-SHA256 over label || 0x00 || sized context || all of the above
 * ```
 *
 * Both keys come from the record's key by HKDF, so a record opens under one key only (it commits to it). The MAC is
 * checked before anything is decrypted.
 */
import { primitives } from "#primitives";
import { concatBytes, equalBytes, utf8 } from "../protocol/bytes.js";
import { labelled, sized, u32 } from "./fields.js";
import { LABELS, type SealPurpose } from "./labels.js";
import { undecryptable } from "./undecryptable.js";

/** What a record is bound to: it opens under exactly the same context. */
export interface SealContext {
  /** Version of the plaintext's layout; an unsigned 32-bit integer. */
  readonly format: number;
  readonly purpose: SealPurpose;
  /** Id of the account, archive or device whose record this is. */
  readonly owner: string;
  /** An unsigned 32-bit integer; 0 where there are no generations. */
  readonly generation: number;
  /** Whatever else it is bound to, in order. */
  readonly extra: readonly Uint8Array[];
}

export const SEALING_KEY_BYTES = 32;
/** What sealing adds to a plaintext, at most. */
export const SEALED_OVERHEAD_BYTES = 1 + 16 + 16 + 32;

const VERSION = 1;
const IV_AT = 1;
const CIPHERTEXT_AT = 17;
const MAC_BYTES = 32;
const NO_SALT = new Uint8Array(0);

/**
 * Seals a plaintext.
 *
 * @param key 32 bytes that nothing but sealing is done with
 */
export async function seal(
  key: Uint8Array,
  context: SealContext,
  plaintext: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const { encryption, authentication } = await subkeys(key);
  const iv = primitives.randomBytes(CIPHERTEXT_AT - IV_AT);
  const content = concatBytes(
    Uint8Array.of(VERSION),
    iv,
    await primitives.aesCbcEncrypt(encryption, iv, plaintext),
  );
  return concatBytes(content, await macOf(authentication, context, content));
}

/**
 * Opens a sealed record.
 *
 * @throws FastChatError `undecryptable`, alike for another key, another context, damage and forgery
 */
export async function open(
  key: Uint8Array,
  context: SealContext,
  sealed: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const { encryption, authentication } = await subkeys(key);
  const macAt = Math.max(0, sealed.length - MAC_BYTES);
  const content = sealed.subarray(0, macAt);
  const authentic = equalBytes(await macOf(authentication, context, content), sealed.subarray(macAt));
  if (!authentic || content.length <= CIPHERTEXT_AT || content[0] !== VERSION) throw undecryptable();
  const iv = content.subarray(IV_AT, CIPHERTEXT_AT);
  const plaintext = await primitives.aesCbcDecrypt(encryption, iv, content.subarray(CIPHERTEXT_AT));
  if (plaintext === null) throw undecryptable();
  return plaintext;
}

async function subkeys(key: Uint8Array): Promise<{ encryption: Uint8Array; authentication: Uint8Array }> {
  if (key.length !== SEALING_KEY_BYTES) throw new RangeError("a sealing key has 32 bytes");
  const both = await primitives.hkdfSha256(key, NO_SALT, utf8(LABELS.sealedRecordKeys), 64);
  return { encryption: both.subarray(0, 32), authentication: both.subarray(32) };
}

function macOf(key: Uint8Array, context: SealContext, content: Uint8Array): Promise<Uint8Array> {
  return primitives.hmacSha256(key, labelled(LABELS.sealedRecord, sized(contextBytes(context)), content));
}

function contextBytes({ format, purpose, owner, generation, extra }: SealContext): Uint8Array {
  return concatBytes(
    u32(format),
    sized(utf8(purpose)),
    sized(utf8(owner)),
    u32(generation),
    u32(extra.length),
    ...extra.map(sized),
  );
}
