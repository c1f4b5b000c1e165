/** The data folder: locked while a system runs on it, closed to others, and of a version this release knows. */
import { rmSync } from "node:fs";
import { readdir, realpath, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  makePrivateFolder,
  readPrivateFile,
  spaceError,
  systemCode,
  TEMPORARY_PREFIX,
  writePrivateFile,
} from "../node/private-file.js";
import { acquireLock } from "../node/socket-lock.js";
import { FastChatError } from "../protocol/errors.js";
import { SECRET_FILES } from "./secrets.js";

/** Of the folder's form; the databases have versions of their own. */
export const DATA_VERSION = 1;

export const VERSION_FILE = "version";
export const ADDRESS_FILE = "address";
export const LOCK_FILE = "lock";
/** Stands there while a backup is being restored; renamed to the version's file once all of it is there. */
export const RESTORING_FILE = "restoring";

/** What a first start, or a restore, that was interrupted may have left. */
export const BEGINNINGS: ReadonlySet<string> = new Set([
  ...SECRET_FILES.map(({ name }) => name),
  "service",
  "service.new",
  "archive",
  "archive.new",
  "sockets",
]);

export interface DataFolder {
  /** Its real path. */
  readonly path: string;
  /** Whether no start of it was ever complete. */
  readonly first: boolean;
  /** Remembers that everything a start needs is there. */
  markComplete(): Promise<void>;
  /** Leaves the address that clients connect to, for scripts that wait for it. */
  writeAddress(address: string): Promise<void>;
  /** At once, so that it can be done where nothing may be waited for any more. */
  removeAddress(): void;
  /** Lets others have the folder. */
  release(): Promise<void>;
}

/**
 * Makes or opens a data folder, and locks it.
 *
 * @throws FastChatError `dataInUse`, `dataNewer`, `diskFull`, `badConfig` where it is not a data folder or cannot be used
 */
export async function openDataFolder(wanted: string): Promise<DataFolder> {
  try {
    return await open(wanted);
  } catch (error) {
    const known = spaceError(error, wanted);
    if (known instanceof FastChatError || systemCode(error) === undefined) throw known;
    throw new FastChatError(
      "badConfig",
      `The data folder ${wanted} cannot be used: ${error instanceof Error ? error.message : String(error)}.`,
      undefined,
      { cause: error },
    );
  }
}

async function open(wanted: string): Promise<DataFolder> {
  await refuseForeign(wanted);
  await makePrivateFolder(wanted);
  const path = await realpath(wanted);
  const versionFile = join(path, VERSION_FILE);
  const addressFile = join(path, ADDRESS_FILE);
  const unlock = await acquireLock(join(path, LOCK_FILE));
  try {
    const version = await readVersion(versionFile);
    for (const name of await readdir(path)) {
      if (name.startsWith(TEMPORARY_PREFIX)) await rm(join(path, name), { recursive: true });
    }
    await rm(addressFile, { force: true });
    return {
      path,
      first: version === null,
      markComplete: async () => {
        if (version === null) await writePrivateFile(versionFile, `${DATA_VERSION}\n`);
      },
      writeAddress: (address) => writePrivateFile(addressFile, `${address}\n`),
      removeAddress: () => rmSync(addressFile, { force: true }),
      release: unlock,
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Nobody wants their home folder taken over, and its permissions with it, for a slip in --data. */
async function refuseForeign(wanted: string): Promise<void> {
  let names: string[];
  try {
    if (!(await stat(wanted)).isDirectory()) {
      throw new FastChatError("badConfig", `The data folder ${wanted} is not a folder.`);
    }
    names = await readdir(wanted);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  if (names.includes(VERSION_FILE)) return;
  if (names.includes(RESTORING_FILE)) {
    throw new FastChatError(
      "dataDamaged",
      `A restore into ${wanted} has not come to its end. Wait for it, or run it again if it was ended.`,
    );
  }
  const foreign = names.find((name) => !BEGINNINGS.has(name) && !isPassingName(name));
  if (foreign === undefined) return;
  throw new FastChatError(
    "badConfig",
    `${wanted} is not a data folder of FastChat: it holds "${foreign}". Name an empty or a new folder with --data.`,
  );
}

/** Whether a name in a data folder is that of a lock, or of something unfinished. */
export function isPassingName(name: string): boolean {
  const lock = name === LOCK_FILE || name.startsWith(`${LOCK_FILE}.`) || name.startsWith(`.${LOCK_FILE}.`);
  return lock || name.startsWith(TEMPORARY_PREFIX);
}

async function readVersion(file: string): Promise<number | null> {
  const found = await readPrivateFile(file);
  if (found === null) return null;
  const text = found.toString("utf8").trim();
  const version = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (version < 1) throw new FastChatError("badConfig", `${file} is damaged; restore it from a backup.`);
  if (version > DATA_VERSION) {
    throw new FastChatError(
      "dataNewer",
      `${file} says that a newer FastChat wrote this folder (version ${version}; this one knows ${DATA_VERSION}).`,
    );
  }
  return version;
}
