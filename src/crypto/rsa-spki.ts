/**
 * The RSA public keys that we accept, judged by their bytes: SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7; RFC 8017,
 * appendix A.1.1) in DER with exponent 65537. For a modulus of a given length everything around it is fixed, so that
 * a key has one spelling, and a card can be checked without a cryptographic library parsing what a stranger wrote.
 */
import { concatBytes, equalBytes } from "../protocol/bytes.js";

export const RSA_MIN_BITS = 2048;
export const RSA_MAX_BITS = 8192;

/** AlgorithmIdentifier: rsaEncryption, NULL. */
const ALGORITHM = Uint8Array.of(0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0);
/** INTEGER 65537. */
const EXPONENT = Uint8Array.of(2, 3, 1, 0, 1);
const MODULUS_AT = 32;

/**
 * Size of the modulus in bits.
 *
 * @param spki SubjectPublicKeyInfo in DER
 * @returns `null` unless it is an RSA key of {@link RSA_MIN_BITS} to {@link RSA_MAX_BITS} bits with exponent 65537
 */
export function rsaModulusBits(spki: Uint8Array): number | null {
  const modulusLength = spki.length - MODULUS_AT - EXPONENT.length;
  if (modulusLength <= RSA_MIN_BITS / 8 || modulusLength > RSA_MAX_BITS / 8 + 1) return null;
  const modulus = spki.subarray(MODULUS_AT, MODULUS_AT + modulusLength);
  const expected = concatBytes(
    header(0x30, modulusLength + 33),
    ALGORITHM,
    header(0x03, modulusLength + 14),
    Uint8Array.of(0),
    header(0x30, modulusLength + 9),
    header(0x02, modulusLength),
    modulus,
    EXPONENT,
  );
  const [first = 0, second = 0] = modulus;
  // A positive INTEGER in its shortest form: one zero byte in front exactly where the next has its high bit set.
  const shortest = first === 0 ? second >= 0x80 : first < 0x80;
  const odd = ((modulus[modulusLength - 1] ?? 0) & 1) === 1;
  if (!shortest || !odd || !equalBytes(expected, spki)) return null;
  const bits = first === 0 ? (modulusLength - 1) * 8 : modulusLength * 8 - Math.clz32(first) + 24;
  return bits >= RSA_MIN_BITS && bits <= RSA_MAX_BITS ? bits : null;
}

/** Tag and length of an element of 256 to 65,535 bytes. */
function header(tag: number, length: number): Uint8Array {
  return Uint8Array.of(tag, 0x82, length >> 8, length & 255);
}
