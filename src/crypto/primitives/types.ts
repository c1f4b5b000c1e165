/**
 * What this room needs of a cryptographic library. It comes through the import condition `#primitives`, so that Node's
 * own crypto serves on Node and WebCrypto can serve in a browser; the interface is asynchronous because WebCrypto is.
 * Keys that are used often are handles, imported once: importing costs more than most operations.
 */

/** An Ed25519 private key, ready for use. Prints as nothing that would help a thief. */
export interface SigningKey {
  readonly kind: "ed25519-private";
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** An RSA public key that passed the checks of {@link Rsa.importPublicKey}. */
export interface RsaPublicKey {
  readonly kind: "rsa-public";
  /** Size of the modulus, in bits. */
  readonly bits: number;
}

/** An RSA private key that passed the checks of {@link Rsa.importPrivateKey}. */
export interface RsaPrivateKey {
  readonly kind: "rsa-private";
  /** Size of the modulus, in bits. */
  readonly bits: number;
  /** SubjectPublicKeyInfo in DER, computed from the private key. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** RFC 8032, pure Ed25519. */
export interface Ed25519 {
  /** A new key pair: raw public key and seed, 32 bytes each. */
  generate(): Promise<{ publicKey: Uint8Array<ArrayBuffer>; privateKey: Uint8Array<ArrayBuffer> }>;
  /** @param seed 32 bytes (RFC 8032, section 5.1.5) */
  importPrivateKey(seed: Uint8Array): Promise<SigningKey>;
  /** @returns 64 bytes */
  sign(key: SigningKey, message: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
  /** Whether the signature holds; false as well for keys and signatures that are none. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** RSAES-OAEP with SHA-256 for hash and mask (RFC 8017, section 7.1). */
export interface Rsa {
  /**
   * A new key pair with public exponent 65537, made off the thread that asks.
   *
   * @param bits size of the modulus, 2048 to 8192
   * @returns SubjectPublicKeyInfo and PKCS #8, both in DER
   */
  generate(
    bits: number,
  ): Promise<{ publicKey: Uint8Array<ArrayBuffer>; privateKey: Uint8Array<ArrayBuffer> }>;
  /**
   * @param spki SubjectPublicKeyInfo in DER
   * @returns `null` unless it is the one DER spelling of an RSA key of 2048 to 8192 bits with exponent 65537
   */
  importPublicKey(spki: Uint8Array): Promise<RsaPublicKey | null>;
  /**
   * @param pkcs8 PKCS #8 in DER
   * @returns `null` unless it is an RSA key of 2048 to 8192 bits with exponent 65537
   */
  importPrivateKey(pkcs8: Uint8Array): Promise<RsaPrivateKey | null>;
  encrypt(key: RsaPublicKey, label: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
  /** @returns `null` on every failure: another key, another label, damage */
  decrypt(
    key: RsaPrivateKey,
    label: Uint8Array,
    ciphertext: Uint8Array,
  ): Promise<Uint8Array<ArrayBuffer> | null>;
}

export interface Primitives {
  /** So many bytes fit for keys. Synchronous: every runtime has that. */
  randomBytes(length: number): Uint8Array<ArrayBuffer>;
  sha256(data: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
  /** RFC 2104 with SHA-256. */
  hmacSha256(key: Uint8Array, data: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
  /** RFC 5869 with SHA-256. @param length bytes wanted, at most 8160 */
  hkdfSha256(
    ikm: Uint8Array,
    salt: Uint8Array,
    info: Uint8Array,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * RFC 7914, off the thread that asks. Takes 128 * r * 2^logN bytes of memory meanwhile.
   *
   * @param cost `logN` is from 1 to 20
   * @returns 32 bytes
   */
  scrypt(
    password: Uint8Array,
    salt: Uint8Array,
    cost: { readonly logN: number; readonly r: number; readonly p: number },
  ): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * AES in CBC mode with PKCS #7 padding (NIST SP 800-38A; RFC 5652, section 6.3).
   *
   * @param key 16 or 32 bytes
   * @param iv 16 bytes
   */
  aesCbcEncrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
  /** @returns `null` where length or padding is wrong. Call it on authenticated data only. */
  aesCbcDecrypt(
    key: Uint8Array,
    iv: Uint8Array,
    ciphertext: Uint8Array,
  ): Promise<Uint8Array<ArrayBuffer> | null>;
  readonly ed25519: Ed25519;
  readonly rsa: Rsa;
}

export const ED25519_KEY_BYTES = 32;
export const ED25519_SIGNATURE_BYTES = 64;
