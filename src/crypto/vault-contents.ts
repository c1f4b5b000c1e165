/** What a vault holds, and its bytes: MessagePack, checked. Fields of later releases are kept as they came. */
import { primitives } from "#primitives";
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { pack, unpack } from "../protocol/codec.js";
import { ARCHIVE_TOKEN_BYTES } from "../protocol/archive.js";
import { readId16, type ArchiveId } from "../protocol/ids.js";
import { redacted } from "../protocol/redacted.js";
import { ArchiveIdSchema, Binary } from "../protocol/schema.js";
import { newIdentitySeed } from "./identity.js";
import { SEALING_KEY_BYTES } from "./sealed.js";
import { undecryptable } from "./undecryptable.js";

/** The most encryption keys an account keeps: the present one and old ones. */
export const MAX_ENCRYPTION_KEYS = 16;

/** The longest address of an archive of one's own, in UTF-16 code units. */
export const MAX_ARCHIVE_ADDRESS = 1_024;

const ArchiveSecrets = Type.Object({
  id: ArchiveIdSchema,
  /** Opens the archive. */
  token: Binary(ARCHIVE_TOKEN_BYTES, ARCHIVE_TOKEN_BYTES),
  /** Stored here before the archive swaps, so that no crash between the two locks anyone out: clients try both. */
  nextToken: Type.Union([Binary(ARCHIVE_TOKEN_BYTES, ARCHIVE_TOKEN_BYTES), Type.Null()]),
  /** Seals the entries. */
  key: Binary(SEALING_KEY_BYTES, SEALING_KEY_BYTES),
  /** Makes the tags. */
  indexKey: Binary(32, 32),
  /** Where it lies, if not with the service: the address of a database of the owner's, with what opens it. */
  address: Type.Optional(Type.String({ minLength: 1, maxLength: MAX_ARCHIVE_ADDRESS })),
});
export type ArchiveSecrets = Static<typeof ArchiveSecrets>;

const Contents = Type.Object({
  /** Ed25519 seed (RFC 8032, section 5.1.5). */
  identitySeed: Binary(32, 32),
  /** Newest first; old ones stay, for what was encrypted to them. `privateKey` is PKCS #8 in DER. */
  encryptionKeys: Type.Array(
    Type.Object({
      generation: Type.Integer({ minimum: 1, maximum: 0xffffffff }),
      privateKey: Binary(1, 8192),
    }),
    { minItems: 1, maxItems: MAX_ENCRYPTION_KEYS },
  ),
  archive: ArchiveSecrets,
});

/** All private material of an account. Prints as `[redacted]`. */
export type VaultContents = Static<typeof Contents>;

const validator = Compile(Contents);

/** A new RSA key for {@link newVaultContents}: PKCS #8 in DER. @param bits 2048 to 8192 */
export async function newEncryptionKey(bits: number): Promise<Uint8Array<ArrayBuffer>> {
  return redacted((await primitives.rsa.generate(bits)).privateKey);
}

/**
 * The private material of a new account.
 *
 * @param encryptionKey RSA private key, PKCS #8 in DER
 * @param archiveAddress where its archive lies, if not with the service
 */
export function newVaultContents(encryptionKey: Uint8Array, archiveAddress?: string): VaultContents {
  return redacted({
    identitySeed: newIdentitySeed(),
    encryptionKeys: [redacted({ generation: 1, privateKey: encryptionKey })],
    archive: redacted({
      id: readId16<ArchiveId>(primitives.randomBytes(16)),
      token: redacted(primitives.randomBytes(ARCHIVE_TOKEN_BYTES)),
      nextToken: null,
      key: redacted(primitives.randomBytes(SEALING_KEY_BYTES)),
      indexKey: redacted(primitives.randomBytes(32)),
      ...(archiveAddress === undefined ? {} : { address: archiveAddress }),
    }),
  });
}

/** Bytes of a vault's contents, in the clear: they go into a sealed record and nowhere else. */
export function encodeVaultContents(contents: VaultContents): Uint8Array {
  if (!validator.Check(contents)) throw new RangeError("the contents of a vault are not of their form");
  return redacted(pack(contents));
}

/** @throws FastChatError `undecryptable` on anything that is no contents of a vault */
export function decodeVaultContents(bytes: Uint8Array): VaultContents {
  const contents = unpackOrNull(bytes);
  if (!validator.Check(contents)) throw undecryptable();
  const { archive, encryptionKeys } = contents;
  return redacted({
    ...contents,
    identitySeed: secret(contents.identitySeed),
    encryptionKeys: encryptionKeys.map((key) => redacted({ ...key, privateKey: secret(key.privateKey) })),
    archive: redacted({
      ...archive,
      token: secret(archive.token),
      nextToken: archive.nextToken === null ? null : secret(archive.nextToken),
      key: secret(archive.key),
      indexKey: secret(archive.indexKey),
    }),
  });
}

/** A copy of its own: what was decoded are views on the whole plaintext. */
function secret(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return redacted(new Uint8Array(bytes));
}

function unpackOrNull(bytes: Uint8Array): unknown {
  try {
    return unpack(bytes);
  } catch {
    return null;
  }
}
