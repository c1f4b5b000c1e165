/** What this device remembers of its account, in the sealed file `account`. */
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { undecryptable } from "../../crypto/undecryptable.js";
import { decodeVaultContents, encodeVaultContents, type VaultContents } from "../../crypto/vault-contents.js";
import { pack, unpack } from "../../protocol/codec.js";
import { Card } from "../../protocol/http.js";
import { redacted } from "../../protocol/redacted.js";
import {
  AccountIdSchema,
  Base64Url,
  Binary,
  Counter,
  DeviceIdSchema,
  UserNameSchema,
} from "../../protocol/schema.js";
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
  /** QuickChat: only entries of the archive with a higher counter are shown here. */
  historyAfter: Type.Optional(Counter),
  /** Whether what waits stays with the service until it is asked for. */
  leavesPending: Type.Optional(Type.Boolean()),
  /** Whether authors are not told from here that their messages were read. */
  hidesReading: Type.Optional(Type.Boolean()),
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
  const { vault, ...record } = stored;
  return redacted({ ...record, vault: decodeVaultContents(vault) });
}

export async function writeAccount(files: DeviceFiles, record: AccountRecord): Promise<void> {
  const stored: Stored = { ...record, version: 1, vault: encodeVaultContents(record.vault) };
  await files.write(FILE, pack(stored));
}

/** Runs `work` while no other process of this device reads or writes the account's file to change it. */
export function withAccountFile<T>(files: DeviceFiles, work: () => Promise<T>): Promise<T> {
  return files.withLock(FILE, work);
}

/** Remembers that the archive exists. */
export function rememberArchive(files: DeviceFiles, record: AccountRecord): Promise<void> {
  return amend(files, record, (now) => (now.archiveMade ? null : { ...now, archiveMade: true }));
}

/** Remembers where the history that is shown here begins. @param counter 0 to show all of it */
export function rememberHistoryAfter(
  files: DeviceFiles,
  record: AccountRecord,
  counter: number,
): Promise<void> {
  return amend(files, record, (now) => ({ ...now, historyAfter: counter }));
}

/** Remembers whether authors are told that their messages were read. */
export function rememberHidesReading(
  files: DeviceFiles,
  record: AccountRecord,
  hides: boolean,
): Promise<void> {
  return amend(files, record, (now) => ({ ...now, hidesReading: hides }));
}

/** Changes the file, unless another process of this device has logged in anew meanwhile. */
async function amend(
  files: DeviceFiles,
  record: AccountRecord,
  change: (now: AccountRecord) => AccountRecord | null,
): Promise<void> {
  await withAccountFile(files, async () => {
    const now = await readAccount(files);
    const changed = now?.device === record.device ? change(now) : null;
    if (changed !== null) await writeAccount(files, changed);
  });
}
