/**
 * The primitives of simulated time: a hundred times as fast as real ones, and the same for the same seed. They stand in
 * for src/crypto/primitives/node.ts where Node was started with `--conditions=simulation` (package.json, `imports`).
 *
 * They keep what the protocol checks: a signature holds for one key and one message only, what was encrypted for one
 * key and one label opens with those only, and one changed bit shows. They keep nothing secret: public keys are enough
 * to sign and to decrypt. No byte of theirs may leave the simulator.
 */
import { hash } from "node:crypto";
import { rsaModulusBits } from "../../src/crypto/rsa-spki.js";
import {
  ED25519_KEY_BYTES,
  ED25519_SIGNATURE_BYTES,
  type Ed25519,
  type Primitives,
  type Rsa,
  type RsaPrivateKey,
  type RsaPublicKey,
  type SigningKey,
} from "../../src/crypto/primitives/types.js";
import { concatBytes, equalBytes, utf8 } from "../../src/protocol/bytes.js";
import { Chance } from "./chance.js";

let chance = new Chance(0);

/** Begins anew: what is drawn from here on depends on the seed alone. */
export function reseedPrimitives(seed: number): void {
  chance = new Chance(seed).fork("primitives");
}

function digest(algorithm: "sha256" | "sha512", ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const data = parts.length === 1 ? (parts[0] as Uint8Array) : concatBytes(...parts);
  return new Uint8Array(hash(algorithm, data, "buffer"));
}

const SIGNED = utf8("simulated signature");
const PUBLIC = utf8("simulated public key");

const ed25519: Ed25519 = {
  async generate() {
    const privateKey = chance.bytes(ED25519_KEY_BYTES);
    return { publicKey: digest("sha256", PUBLIC, privateKey), privateKey };
  },
  async importPrivateKey(seed): Promise<SigningKey> {
    if (seed.length !== ED25519_KEY_BYTES) throw new RangeError("an Ed25519 seed has 32 bytes");
    return { kind: "ed25519-private", publicKey: digest("sha256", PUBLIC, seed) };
  },
  async sign(key, message) {
    return digest("sha512", SIGNED, key.publicKey, message);
  },
  async verify(publicKey, message, signature) {
    if (publicKey.length !== ED25519_KEY_BYTES || signature.length !== ED25519_SIGNATURE_BYTES) return false;
    return equalBytes(digest("sha512", SIGNED, publicKey, message), signature);
  },
};

const RSA_BITS = 2048;
const MODULUS_BYTES = RSA_BITS / 8;
/** SubjectPublicKeyInfo of a key of 2048 bits, up to its modulus and behind it (rsa-spki.ts). */
const SPKI_PREFIX = Uint8Array.from([
  ...[0x30, 0x82, 0x01, 0x22, 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0],
  ...[0x03, 0x82, 0x01, 0x0f, 0, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0],
]);
const SPKI_SUFFIX = Uint8Array.of(2, 3, 1, 0, 1);
const TAG_BYTES = 32;
const LENGTH_AT = TAG_BYTES;
const CONTENT_AT = LENGTH_AT + 2;

class SimulatedRsaKey implements RsaPublicKey {
  readonly kind = "rsa-public";
  readonly bits = RSA_BITS;

  constructor(readonly name: Uint8Array) {}

  static nameOf(key: RsaPublicKey | RsaPrivateKey): Uint8Array {
    if (key instanceof SimulatedRsaKey || key instanceof SimulatedRsaPrivateKey) return key.name;
    throw new TypeError("an RSA key of another library");
  }
}

class SimulatedRsaPrivateKey implements RsaPrivateKey {
  readonly kind = "rsa-private";
  readonly bits = RSA_BITS;

  constructor(
    readonly name: Uint8Array,
    readonly publicKey: Uint8Array<ArrayBuffer>,
  ) {}
}

function spkiOf(modulus: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(SPKI_PREFIX, modulus, SPKI_SUFFIX);
}

const rsa: Rsa = {
  async generate() {
    const modulus = chance.bytes(MODULUS_BYTES);
    modulus[0] = (modulus[0] ?? 0) | 0x80;
    modulus[MODULUS_BYTES - 1] = (modulus[MODULUS_BYTES - 1] ?? 0) | 1;
    return { publicKey: spkiOf(modulus), privateKey: modulus };
  },
  async importPublicKey(spki) {
    return rsaModulusBits(spki) === RSA_BITS ? new SimulatedRsaKey(digest("sha256", spki)) : null;
  },
  async importPrivateKey(pkcs8) {
    const publicKey = spkiOf(pkcs8);
    return rsaModulusBits(publicKey) === RSA_BITS
      ? new SimulatedRsaPrivateKey(digest("sha256", publicKey), publicKey)
      : null;
  },
  async encrypt(key, label, plaintext) {
    if (plaintext.length > MODULUS_BYTES - CONTENT_AT) throw new RangeError("too long for this key");
    const padded = new Uint8Array(MODULUS_BYTES - LENGTH_AT);
    new DataView(padded.buffer).setUint16(0, plaintext.length);
    padded.set(plaintext, CONTENT_AT - LENGTH_AT);
    return concatBytes(digest("sha256", SimulatedRsaKey.nameOf(key), label, padded), padded);
  },
  async decrypt(key, label, ciphertext) {
    const padded = ciphertext.subarray(LENGTH_AT);
    const tag = digest("sha256", SimulatedRsaKey.nameOf(key), label, padded);
    if (ciphertext.length !== MODULUS_BYTES || !equalBytes(tag, ciphertext.subarray(0, TAG_BYTES)))
      return null;
    const length = ((ciphertext[LENGTH_AT] ?? 0) << 8) | (ciphertext[LENGTH_AT + 1] ?? 0);
    return ciphertext.slice(CONTENT_AT, CONTENT_AT + length);
  },
};

function lengthOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(bytes.length >> 8, bytes.length & 255);
}

/** Padding as PKCS #7 has it, so that lengths are true, and content as it is: what needs to be hidden is not here. */
const BLOCK_BYTES = 16;

export const primitives: Primitives = {
  randomBytes: (length) => chance.bytes(length),
  async sha256(data) {
    return digest("sha256", data);
  },
  // Hashes of their inputs with their lengths: a tenth of the time, and different wherever an input is.
  async hmacSha256(key, data) {
    return digest("sha256", lengthOf(key), key, data);
  },
  async hkdfSha256(ikm, salt, info, length) {
    const blocks: Uint8Array[] = [];
    for (let at = 0; at < length; at += 64) {
      blocks.push(digest("sha512", Uint8Array.of(at / 64), lengthOf(ikm), ikm, lengthOf(salt), salt, info));
    }
    return concatBytes(...blocks).slice(0, length);
  },
  async scrypt(password, salt, { logN, r, p }) {
    return digest("sha256", Uint8Array.of(logN, r, p), lengthOf(password), password, salt);
  },
  async aesCbcEncrypt(_key, _iv, plaintext) {
    const padding = BLOCK_BYTES - (plaintext.length % BLOCK_BYTES);
    return concatBytes(plaintext, new Uint8Array(padding).fill(padding));
  },
  async aesCbcDecrypt(_key, _iv, ciphertext) {
    const padding = ciphertext.at(-1) ?? 0;
    if (padding < 1 || padding > BLOCK_BYTES || ciphertext.length % BLOCK_BYTES !== 0) return null;
    return ciphertext.slice(0, -padding);
  },
  ed25519,
  rsa,
};
