/** An account's keys, imported and ready for use. */
import { primitives } from "#primitives";
import { redacted } from "../protocol/redacted.js";
import { identityFromSeed, type Identity } from "./identity.js";
import type { RsaPrivateKey } from "./primitives/types.js";
import { undecryptable } from "./undecryptable.js";
import type { ArchiveSecrets, VaultContents } from "./vault-contents.js";

export interface EncryptionKey {
  readonly generation: number;
  readonly key: RsaPrivateKey;
}

/** Prints as `[redacted]`. */
export interface AccountKeys {
  readonly identity: Identity;
  /** The present encryption key; others encrypt to it. */
  readonly encryption: EncryptionKey;
  /** The handles of all encryption keys, newest first, as openEnvelope wants them. */
  readonly privateKeys: readonly RsaPrivateKey[];
  readonly archive: ArchiveSecrets;
}

/** A login imports the keys to check the vault, and again to use them: parsing them takes longer than using them. */
const imported = new WeakMap<VaultContents, Promise<AccountKeys>>();

/** Once for each object `contents`. @throws FastChatError `undecryptable` where a key is none */
export function importAccountKeys(contents: VaultContents): Promise<AccountKeys> {
  const known = imported.get(contents);
  if (known !== undefined) return known;
  const keys = importKeys(contents);
  imported.set(contents, keys);
  return keys;
}

async function importKeys(contents: VaultContents): Promise<AccountKeys> {
  const identity = await identityFromSeed(contents.identitySeed);
  const encryptionKeys: EncryptionKey[] = [];
  for (const { generation, privateKey } of contents.encryptionKeys) {
    const key = await primitives.rsa.importPrivateKey(privateKey);
    if (key === null) throw undecryptable();
    encryptionKeys.push({ generation, key });
  }
  const [encryption] = encryptionKeys;
  if (encryption === undefined) throw undecryptable();
  const privateKeys = encryptionKeys.map(({ key }) => key);
  return redacted({ identity, encryption, privateKeys, archive: contents.archive });
}
