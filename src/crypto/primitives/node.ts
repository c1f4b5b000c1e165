/** The primitives on Node's own crypto: several times as fast there as WebCrypto for operations this small. */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  hash,
  hkdfSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  scrypt,
  sign,
  verify,
  webcrypto,
  type KeyObject,
  type ScryptOptions,
} from "node:crypto";
import { promisify } from "node:util";
import { concatBytes, toHex } from "../../protocol/bytes.js";
import { RSA_MAX_BITS, RSA_MIN_BITS, rsaModulusBits } from "../rsa-spki.js";
import {
  ED25519_KEY_BYTES,
  ED25519_SIGNATURE_BYTES,
  type Ed25519,
  type Primitives,
  type Rsa,
  type RsaPrivateKey,
  type RsaPublicKey,
  type SigningKey,
} from "./types.js";

/** The largest modulus that is decrypted on the calling thread; a larger one would block it for milliseconds. */
const SYNCHRONOUS_BITS = 2048;
/** Ed25519 public keys kept imported. Importing one costs about as much as a verification. */
const KEPT_PUBLIC_KEYS = 4096;

// DER in front of a raw Ed25519 key (RFC 8410, sections 4 and 7).
const ED25519_SPKI_PREFIX = Uint8Array.from([0x30, 42, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 33, 0]);
const ED25519_PKCS8_PREFIX = Uint8Array.from([
  0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32,
]);

/** The bytes with a buffer of their own: a view on Node's pool would take its neighbours along to another thread. */
function own(bytes: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === length
    ? new Uint8Array(buffer, byteOffset, length)
    : new Uint8Array(bytes);
}

class NodeSigningKey implements SigningKey {
  readonly kind = "ed25519-private";
  readonly #key: KeyObject;

  constructor(
    key: KeyObject,
    readonly publicKey: Uint8Array<ArrayBuffer>,
  ) {
    this.#key = key;
  }

  static keyOf(handle: SigningKey): KeyObject {
    if (handle instanceof NodeSigningKey) return handle.#key;
    throw new TypeError("a signing key of another library");
  }
}

class NodeRsaPublicKey implements RsaPublicKey {
  readonly kind = "rsa-public";
  readonly #key: KeyObject;

  constructor(
    key: KeyObject,
    readonly bits: number,
  ) {
    this.#key = key;
  }

  static keyOf(handle: RsaPublicKey): KeyObject {
    if (handle instanceof NodeRsaPublicKey) return handle.#key;
    throw new TypeError("an RSA public key of another library");
  }
}

/** Decrypts here, or on the thread pool. */
type PrivateOperation =
  | { readonly where: "here"; readonly key: KeyObject }
  | { readonly where: "pool"; readonly key: webcrypto.CryptoKey };

class NodeRsaPrivateKey implements RsaPrivateKey {
  readonly kind = "rsa-private";
  readonly #operation: PrivateOperation;

  constructor(
    operation: PrivateOperation,
    readonly bits: number,
    readonly publicKey: Uint8Array<ArrayBuffer>,
  ) {
    this.#operation = operation;
  }

  static operationOf(handle: RsaPrivateKey): PrivateOperation {
    if (handle instanceof NodeRsaPrivateKey) return handle.#operation;
    throw new TypeError("an RSA private key of another library");
  }
}

const publicKeys = new Map<string, KeyObject>();

/** The imported key, kept while it is among the most recently used. */
function ed25519PublicKey(raw: Uint8Array): KeyObject {
  const name = toHex(raw);
  let key = publicKeys.get(name);
  if (key === undefined) {
    key = createPublicKey({
      key: Buffer.from(concatBytes(ED25519_SPKI_PREFIX, raw).buffer),
      format: "der",
      type: "spki",
    });
    if (publicKeys.size >= KEPT_PUBLIC_KEYS) {
      for (const oldest of publicKeys.keys()) {
        publicKeys.delete(oldest);
        break;
      }
    }
  } else {
    publicKeys.delete(name);
  }
  publicKeys.set(name, key);
  return key;
}

const ed25519: Ed25519 = {
  async generate() {
    const privateKey = own(randomBytes(ED25519_KEY_BYTES));
    const { publicKey } = await ed25519.importPrivateKey(privateKey);
    return { publicKey, privateKey };
  },

  async importPrivateKey(seed) {
    if (seed.length !== ED25519_KEY_BYTES) throw new RangeError("an Ed25519 seed has 32 bytes");
    const key = createPrivateKey({
      key: Buffer.from(concatBytes(ED25519_PKCS8_PREFIX, seed).buffer),
      format: "der",
      type: "pkcs8",
    });
    const spki = createPublicKey(key).export({ format: "der", type: "spki" });
    return new NodeSigningKey(key, new Uint8Array(spki.subarray(ED25519_SPKI_PREFIX.length)));
  },

  async sign(key, message) {
    return own(sign(null, message, NodeSigningKey.keyOf(key)));
  },

  async verify(publicKey, message, signature) {
    if (publicKey.length !== ED25519_KEY_BYTES || signature.length !== ED25519_SIGNATURE_BYTES) return false;
    return verify(null, message, ed25519PublicKey(publicKey), signature);
  },
};

/** What `parse` answers, or `null` where it throws: bytes that are no key are an answer, not an accident. */
function keyOrNull(parse: () => KeyObject): KeyObject | null {
  try {
    return parse();
  } catch {
    return null;
  }
}

const rsa: Rsa = {
  generate(bits) {
    if (!(bits >= RSA_MIN_BITS && bits <= RSA_MAX_BITS)) {
      return Promise.reject(new RangeError(`an RSA key has ${RSA_MIN_BITS} to ${RSA_MAX_BITS} bits`));
    }
    return new Promise((resolve, reject) => {
      generateKeyPair(
        "rsa",
        {
          modulusLength: bits,
          publicExponent: 65537,
          publicKeyEncoding: { format: "der", type: "spki" },
          privateKeyEncoding: { format: "der", type: "pkcs8" },
        },
        (error, publicKey, privateKey) => {
          if (error) reject(error);
          else resolve({ publicKey: own(publicKey), privateKey: own(privateKey) });
        },
      );
    });
  },

  async importPublicKey(spki) {
    const bits = rsaModulusBits(spki);
    if (bits === null) return null;
    const key = keyOrNull(() => createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" }));
    return key === null ? null : new NodeRsaPublicKey(key, bits);
  },

  async importPrivateKey(pkcs8) {
    const key = keyOrNull(() => createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" }));
    if (key === null) return null;
    const publicKey = own(createPublicKey(key).export({ format: "der", type: "spki" }));
    const bits = rsaModulusBits(publicKey);
    if (bits === null) return null;
    const operation: PrivateOperation =
      bits <= SYNCHRONOUS_BITS
        ? { where: "here", key }
        : {
            where: "pool",
            key: await webcrypto.subtle.importKey(
              "pkcs8",
              pkcs8,
              { name: "RSA-OAEP", hash: "SHA-256" },
              false,
              ["decrypt"],
            ),
          };
    return new NodeRsaPrivateKey(operation, bits, publicKey);
  },

  async encrypt(key, label, plaintext) {
    return own(
      publicEncrypt(
        {
          key: NodeRsaPublicKey.keyOf(key),
          padding: constants.RSA_PKCS1_OAEP_PADDING,
          oaepHash: "sha256",
          oaepLabel: label,
        },
        plaintext,
      ),
    );
  },

  async decrypt(key, label, ciphertext) {
    // RFC 8017, section 7.1.2, step 1b, which OpenSSL leaves out: one ciphertext would have a second spelling, without
    // the zeros that it may begin with.
    if (ciphertext.length !== Math.ceil(key.bits / 8)) return null;
    const operation = NodeRsaPrivateKey.operationOf(key);
    try {
      if (operation.where === "pool") {
        const algorithm = { name: "RSA-OAEP", label };
        return new Uint8Array(await webcrypto.subtle.decrypt(algorithm, operation.key, ciphertext));
      }
      return own(
        privateDecrypt(
          {
            key: operation.key,
            padding: constants.RSA_PKCS1_OAEP_PADDING,
            oaepHash: "sha256",
            oaepLabel: label,
          },
          ciphertext,
        ),
      );
    } catch {
      return null;
    }
  },
};

function aesCbc(key: Uint8Array): "aes-128-cbc" | "aes-256-cbc" {
  if (key.length === 16) return "aes-128-cbc";
  if (key.length === 32) return "aes-256-cbc";
  throw new RangeError("an AES key has 16 or 32 bytes here");
}

export const primitives: Primitives = {
  randomBytes: (length) => own(randomBytes(length)),

  async sha256(data) {
    return own(hash("sha256", data, "buffer"));
  },

  async hmacSha256(key, data) {
    return own(createHmac("sha256", key).update(data).digest());
  },

  async hkdfSha256(ikm, salt, info, length) {
    return new Uint8Array(hkdfSync("sha256", ikm, salt, info, length));
  },

  async scrypt(password, salt, { logN, r, p }) {
    const N = 2 ** logN;
    // The limit counts some more than the algorithm's own memory.
    const options = { N, r, p, maxmem: 2 * 128 * N * r };
    return own(
      await promisify<Uint8Array, Uint8Array, number, ScryptOptions, Buffer>(scrypt)(
        password,
        salt,
        32,
        options,
      ),
    );
  },

  async aesCbcEncrypt(key, iv, plaintext) {
    const cipher = createCipheriv(aesCbc(key), key, iv);
    return concatBytes(cipher.update(plaintext), cipher.final());
  },

  async aesCbcDecrypt(key, iv, ciphertext) {
    const decipher = createDecipheriv(aesCbc(key), key, iv);
    try {
      return concatBytes(decipher.update(ciphertext), decipher.final());
    } catch {
      return null;
    }
  },

  ed25519,
  rsa,
};
