/** What this device remembers of its account, in the sealed file `account`. */
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { undecryptable } from "../../crypto/undecryptable.js";
import { decodeVaultContents, encodeVaultContents, type VaultContents } from "../../crypto/vault-contents.js";
import { pack, unpack } from "../../protocol/codec.js";
import { Card } from "../../protocol/http.js";
import { redacted } from "../../protocol/redacted.js";
import { AccountIdSchema, Base64Url, Binary, DeviceIdSchema, UserNameSchema } from "../../protocol/schema.js";
import type { DeviceFiles } from "./device-files.js";

const FILE = "account";

const Stored = Type.Object({
  version: Type.Literal(1),
  name: UserNameSchema,
  account: AccountIdSchema,
  device: DeviceIdSchema,
  token: Base64Url(32, 32, "Session token"),
  card: Card,
  /** Highest generation of the vault that this device has seen. */
  vaultGeneration: Type.Integer({ minimum: 1, maximum: 0xffffffff }),
  vault: Binary(1, 64 * 1024),
  /** Whether the archive was found or made: one that is gone later is not quietly made anew. */
  archiveMade: Type.Boolean(),
});
type Stored = Static<typeof Stored>;
const validator = Compile(Stored);

/** Prints as `[redacted]`. */
export interface AccountRecord extends Omit<Stored, "version" | "vault"> {
  readonly vault: VaultContents;
}

/** @throws FastChatError `undecryptable` where the file is damaged */
export async function readAccount(files: DeviceFiles): Promise<AccountRecord | null> {
  const bytes = await files.read(FILE);
  if (bytes === null) return null;
  const stored = unpack(bytes);
  if (!validator.Check(stored)) throw undecryptable();
  const { name, account, device, token, card, vaultGeneration, archiveMade } = stored;
  const vault = decodeVaultContents(stored.vault);
  return redacted({ name, account, device, token, card, vaultGeneration, archiveMade, vault });
}

export async function writeAccount(files: DeviceFiles, record: AccountRecord): Promise<void> {
  const stored: Stored = { ...record, version: 1, vault: encodeVaultContents(record.vault) };
  await files.write(FILE, pack(stored));
}

/** Runs `work` while no other process of this device reads or writes the account's file to change it. */
export function withAccountFile<T>(files: DeviceFiles, work: () => Promise<T>): Promise<T> {
  return files.withLock(FILE, work);
}

/** Remembers that the archive exists, unless another process of this device has logged in anew meanwhile. */
export async function rememberArchive(files: DeviceFiles, record: AccountRecord): Promise<void> {
  await withAccountFile(files, async () => {
    const now = await readAccount(files);
    if (now?.device === record.device && !now.archiveMade) {
      await writeAccount(files, { ...now, archiveMade: true });
    }
  });
}
