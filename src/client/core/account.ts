/** Signing up and logging in (PROTOCOL.md, "Accounts and placement"): OPAQUE, the vault, and what the device keeps. */
import { importAccountKeys } from "../../crypto/account-keys.js";
import { signCard, verifyCard, type VerifiedCard } from "../../crypto/card.js";
import { openVault, sealVault } from "../../crypto/vault.js";
import { MAX_ARCHIVE_ADDRESS, newEncryptionKey, newVaultContents } from "../../crypto/vault-contents.js";
import { FastChatError } from "../../protocol/errors.js";
import type { Card, SignedIn, Stretching } from "../../protocol/http.js";
import { parseUserName, type UserName } from "../../protocol/ids.js";
import { redacted } from "../../protocol/redacted.js";
import { readAccount, withAccountFile, writeAccount, type AccountRecord } from "./account-file.js";
import { Doorway } from "./balancer.js";
import type { DeviceFiles } from "./device-files.js";
import { noWayToDatabases } from "./own-archive.js";
import type { ClientPorts } from "./ports.js";

export interface Registration {
  readonly name: string;
  readonly password: string;
  /** What the person sees in the list of devices, at most 64 characters. */
  readonly deviceLabel: string;
  /** Size of the RSA key, 2048 to 8192 bits; 3072 if missing. */
  readonly rsaBits?: number;
  /** An RSA key made beforehand, PKCS #8 in DER, in the place of one that is made now: for laboratories. */
  readonly encryptionKey?: Uint8Array;
  /** The code of an invite, where the service wants one. */
  readonly invite?: string;
  /** Where the account's archive lies, if not with the service; for good. */
  readonly archive?: string;
}

export interface Login {
  readonly name: string;
  readonly password: string;
  /** What the person sees in the list of devices, at most 64 characters. */
  readonly deviceLabel: string;
  /** QuickChat: what stands in the archive already is not shown on this device, until it is asked for. */
  readonly quick?: boolean;
  /** Whether what waits stays with the service until it is asked for. */
  readonly leavesPending?: boolean;
}

type AccountPorts = Pick<ClientPorts, "http" | "opaque" | "ownArchives">;

const DEFAULT_RSA_BITS = 3072;
const LABEL_LENGTH = 64;
/** The least that is spent on hashing a password: the second recommended option of RFC 9106, section 4. */
const LEAST_MEMORY_KIB = 64 * 1024;
const LEAST_ITERATIONS = 3;

/**
 * Makes an account, its keys and its vault, and remembers them on this device.
 *
 * @param acceptWeak whether a weaker password hash than that of RFC 9106 will do; for laboratories only
 * @throws FastChatError `badName`, `nameTaken`, `conflict` (the device belongs to an account), `forbidden` (weak hash);
 *   `registrationClosed`, `badInvite`; `badRequest`, `unreachable`, `dataNewer` for an archive of its own
 */
export async function register(
  { http, opaque, ownArchives }: AccountPorts,
  files: DeviceFiles,
  {
    name: typed,
    password,
    deviceLabel,
    rsaBits = DEFAULT_RSA_BITS,
    encryptionKey: made,
    archive,
    invite,
  }: Registration,
  acceptWeak: boolean,
): Promise<AccountRecord> {
  const name = nameOf(typed);
  const known = await readAccount(files);
  if (known !== null) throw belongsTo(known.name, name);
  if (archive !== undefined) await prepareArchive(ownArchives, archive);
  const doorway = new Doorway(http);
  const invited = invite === undefined ? {} : { invite };
  const { state, request } = await opaque.startRegistration(password);
  const { response, stretching } = await doorway.startRegistration({ name, request, ...invited });
  refuseWeak(stretching, acceptWeak);
  const [{ record, exportKey }, encryptionKey] = await Promise.all([
    opaque.finishRegistration({ name, password, state, response, stretching }),
    made ?? newEncryptionKey(rsaBits),
  ]);
  const contents = newVaultContents(encryptionKey, archive);
  const { identity, encryption } = await importAccountKeys(contents);
  const card = await signCard({
    name,
    generation: encryption.generation,
    encryptionKey: encryption.key.publicKey,
    identity,
  });
  const vault = await sealVault({ contents, account: identity.account, generation: 1, exportKey });
  const session = await doorway.finishRegistration({
    name,
    record,
    stretching,
    card,
    vault,
    device: deviceLabel.slice(0, LABEL_LENGTH),
    ...invited,
  });
  if (session.account !== identity.account) throw otherAccount();
  const account: AccountRecord = redacted({
    ...ofSession(session),
    name,
    card,
    vaultGeneration: vault.generation,
    vault: contents,
    archiveMade: false,
  });
  await keep(files, account);
  return account;
}

/** Before there is an account that could not use it. */
async function prepareArchive(ownArchives: AccountPorts["ownArchives"], address: string): Promise<void> {
  if (address.length === 0 || address.length > MAX_ARCHIVE_ADDRESS) {
    throw new FastChatError(
      "badRequest",
      `The address of an archive has 1 to ${MAX_ARCHIVE_ADDRESS} characters.`,
    );
  }
  if (ownArchives === undefined) throw noWayToDatabases();
  await ownArchives.prepare(address);
}

/**
 * Logs in with name and password, opens the vault and remembers its keys on this device.
 *
 * @param acceptWeak as for {@link register}
 * @throws FastChatError `badName`, `loginFailed` (unknown name and wrong password alike), `suspended`, `conflict` (the device
 *   belongs to another account), `forbidden` (weak hash), `keyChanged` (the name is another account's now), `undecryptable` (the
 *   vault is damaged, forged, or older than one seen here)
 */
export async function login(
  { http, opaque }: AccountPorts,
  files: DeviceFiles,
  { name: typed, password, deviceLabel, quick = false, leavesPending = false }: Login,
  acceptWeak: boolean,
): Promise<AccountRecord> {
  const name = nameOf(typed);
  const known = await readable(files);
  if (known !== null && known.name !== name) throw belongsTo(known.name, name);
  const doorway = new Doorway(http);
  const { state, request } = await opaque.startLogin(password);
  const started = await doorway.startLogin({ name, request });
  refuseWeak(started.stretching, acceptWeak);
  const { response, stretching } = started;
  const finished = await opaque.finishLogin({ name, password, state, response, stretching });
  if (finished === null) throw new FastChatError("loginFailed", "Name or password is wrong.");
  const { session, card, vault } = await doorway.finishLogin({
    login: started.login,
    request: finished.request,
    device: deviceLabel.slice(0, LABEL_LENGTH),
  });
  const verified = await ownCard(card, name, session);
  if (known !== null) refuseOlder(known, verified, vault.generation);
  const contents = await openVault({
    record: vault,
    account: session.account,
    card: verified,
    exportKey: finished.exportKey,
  });
  const account: AccountRecord = redacted({
    ...ofSession(session),
    name,
    card,
    vaultGeneration: vault.generation,
    vault: contents,
    archiveMade: known?.archiveMade ?? false,
    leavesPending,
    // Until it is known where its history begins nothing of it is shown, whatever happens meanwhile.
    ...(quick ? { historyAfter: Number.MAX_SAFE_INTEGER } : {}),
  });
  await keep(files, account);
  return account;
}

/**
 * The account that this device remembers.
 *
 * @throws FastChatError `notSignedIn`; `undecryptable` where its file is damaged
 */
export async function remembered(files: DeviceFiles): Promise<AccountRecord> {
  const account = await readAccount(files);
  if (account === null) throw new FastChatError("notSignedIn", "Nobody is signed in on this device.");
  return account;
}

/** Another process may have signed this device in meanwhile. */
function keep(files: DeviceFiles, account: AccountRecord): Promise<void> {
  return withAccountFile(files, async () => {
    const now = await readable(files);
    if (now !== null && now.name !== account.name) throw belongsTo(now.name, account.name);
    await writeAccount(files, account);
  });
}

/** A damaged file is what logging in again mends. */
async function readable(files: DeviceFiles): Promise<AccountRecord | null> {
  try {
    return await readAccount(files);
  } catch (error) {
    if (error instanceof FastChatError && error.code === "undecryptable") return null;
    throw error;
  }
}

function nameOf(typed: string): UserName {
  const name = parseUserName(typed);
  if (name === null) throw new FastChatError("badName", `"${typed.slice(0, 64)}" is not a user name.`);
  return name;
}

function ofSession({
  account,
  device,
  token,
}: SignedIn): Pick<AccountRecord, "account" | "device" | "token"> {
  return { account, device, token };
}

async function ownCard(card: Card, name: UserName, session: SignedIn): Promise<VerifiedCard> {
  const verified = await verifyCard(card);
  if (verified.account !== session.account || verified.name !== name) throw otherAccount();
  return verified;
}

/** A service, or whoever has its disk, could answer with a cheap hash to make guessing the password cheap. */
function refuseWeak({ memoryKiB, iterations }: Stretching, acceptWeak: boolean): void {
  if (acceptWeak || (memoryKiB >= LEAST_MEMORY_KIB && iterations >= LEAST_ITERATIONS)) return;
  throw new FastChatError(
    "forbidden",
    `The service asks for a password hash of ${memoryKiB} KiB and ${iterations} passes; ` +
      `this client takes no less than ${LEAST_MEMORY_KIB} KiB and ${LEAST_ITERATIONS} passes.`,
  );
}

function refuseOlder(known: AccountRecord, card: VerifiedCard, generation: number): void {
  if (known.account !== card.account) {
    throw new FastChatError(
      "keyChanged",
      `The account "${known.name}" is not the one that this device knew.`,
    );
  }
  if (generation < known.vaultGeneration) {
    throw new FastChatError(
      "undecryptable",
      `The service gave an older vault (generation ${generation}) than this device has seen (${known.vaultGeneration}).`,
    );
  }
}

function belongsTo(owner: UserName, name: UserName): FastChatError {
  const message =
    owner === name
      ? `This device is signed in as "${owner}" already.`
      : `This device belongs to the account "${owner}"; give "${name}" a folder of its own.`;
  return new FastChatError("conflict", message);
}

function otherAccount(): FastChatError {
  return new FastChatError("badFrame", "The service signed in another account than the one asked for.");
}
