/**
 * Fernet (https://github.com/fernet/spec, version 0x80): AES-128-CBC and HMAC-SHA256 under the two halves of one key.
 * Inside it is bytes; the texts of the spec stand beside.
 */
import { primitives } from "#primitives";
import { concatBytes, equalBytes, fromBase64Url, toBase64Url } from "../protocol/bytes.js";
import { redacted } from "../protocol/redacted.js";

/** 16 bytes that sign, 16 that encrypt. */
export const FERNET_KEY_BYTES = 32;

const VERSION = 0x80;
const IV_BYTES = 16;
const MAC_BYTES = 32;
const BLOCK_BYTES = 16;
const IV_AT = 9;
const CIPHERTEXT_AT = IV_AT + IV_BYTES;
const MIN_TOKEN_BYTES = CIPHERTEXT_AT + BLOCK_BYTES + MAC_BYTES;
/** How far ahead a token's clock may be, in seconds, where its age is checked at all. */
const MAX_SKEW_SECONDS = 60;

export function newFernetKey(): Uint8Array<ArrayBuffer> {
  return redacted(primitives.randomBytes(FERNET_KEY_BYTES));
}

/**
 * Encrypts under a fresh random IV.
 *
 * @param key 32 bytes
 * @param seconds since 1970, written into the token
 * @returns the token's bytes
 */
export function encryptFernet(
  key: Uint8Array,
  plaintext: Uint8Array,
  seconds: number,
): Promise<Uint8Array<ArrayBuffer>> {
  return encryptFernetWithIv(key, plaintext, seconds, primitives.randomBytes(IV_BYTES));
}

/**
 * Encrypts under a given IV, which must be unpredictable and used once: {@link encryptFernet} sees to that.
 *
 * @param key 32 bytes
 * @param seconds since 1970, written into the token
 * @param iv 16 bytes
 */
export async function encryptFernetWithIv(
  key: Uint8Array,
  plaintext: Uint8Array,
  seconds: number,
  iv: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  checkKey(key);
  const head = new Uint8Array(IV_AT);
  head[0] = VERSION;
  new DataView(head.buffer).setBigUint64(1, BigInt(seconds));
  const ciphertext = await primitives.aesCbcEncrypt(key.subarray(16), iv, plaintext);
  const signed = concatBytes(head, iv, ciphertext);
  return concatBytes(signed, await primitives.hmacSha256(key.subarray(0, 16), signed));
}

/** The age that a token may have. */
export interface FernetAge {
  readonly ttlSeconds: number;
  /** Seconds since 1970. */
  readonly nowSeconds: number;
}

/**
 * Verifies a token, then decrypts it.
 *
 * @param key 32 bytes
 * @param token its bytes
 * @param age where given, a token older than that, or more than a minute ahead, is refused
 * @returns `null` on every failure
 */
export async function decryptFernet(
  key: Uint8Array,
  token: Uint8Array,
  age?: FernetAge,
): Promise<Uint8Array<ArrayBuffer> | null> {
  checkKey(key);
  const macAt = token.length - MAC_BYTES;
  if (token.length < MIN_TOKEN_BYTES || (macAt - CIPHERTEXT_AT) % BLOCK_BYTES !== 0) return null;
  const mac = await primitives.hmacSha256(key.subarray(0, 16), token.subarray(0, macAt));
  if (!equalBytes(mac, token.subarray(macAt)) || token[0] !== VERSION) return null;
  if (age !== undefined && !isOfAge(token, age)) return null;
  return primitives.aesCbcDecrypt(
    key.subarray(16),
    token.subarray(IV_AT, CIPHERTEXT_AT),
    token.subarray(CIPHERTEXT_AT, macAt),
  );
}

function isOfAge(token: Uint8Array, { ttlSeconds, nowSeconds }: FernetAge): boolean {
  const made = Number(new DataView(token.buffer, token.byteOffset).getBigUint64(1));
  return made + ttlSeconds >= nowSeconds && made <= nowSeconds + MAX_SKEW_SECONDS;
}

function checkKey(key: Uint8Array): void {
  if (key.length !== FERNET_KEY_BYTES) throw new RangeError("a Fernet key has 32 bytes");
}

/** The spec's text of a key or token: base64url with its padding (RFC 4648, section 5). */
export function toFernetText(bytes: Uint8Array): string {
  const text = toBase64Url(bytes);
  return text + "=".repeat((4 - (text.length % 4)) % 4);
}

/** Bytes of a key's or token's text; `null` unless it is base64url with exactly its padding. */
export function fromFernetText(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  const bytes = fromBase64Url(text.replace(/={1,2}$/, ""));
  return bytes !== null && toFernetText(bytes) === text ? bytes : null;
}
