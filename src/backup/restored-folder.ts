/** The data folder that a backup is restored into: empty before, whole afterwards, and nothing that a start would take in between. */
import { readdir, realpath, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import {
  isThere,
  makePrivateFolder,
  syncFolder,
  systemCode,
  writePrivateFile,
} from "../node/private-file.js";
import { acquireLock } from "../node/socket-lock.js";
import { FastChatError } from "../protocol/errors.js";
import {
  BEGINNINGS,
  DATA_VERSION,
  isPassingName,
  LOCK_FILE,
  RESTORING_FILE,
  VERSION_FILE,
} from "../supervisor/data-folder.js";

export interface RestoredFolder {
  /** Its real path. */
  readonly path: string;
  /** Makes it one that can be started. */
  complete(): Promise<void>;
  /** Makes it as empty as it was, unless it is complete, and lets others have it. */
  release(): Promise<void>;
}

/**
 * Makes or takes an empty folder and locks it. What a restore left there that was ended before its end is removed.
 *
 * @throws FastChatError `badConfig` where it holds anything else or cannot be used, `dataInUse`, `diskFull`
 */
export async function openRestoredFolder(wanted: string): Promise<RestoredFolder> {
  try {
    return await open(wanted);
  } catch (error) {
    if (error instanceof FastChatError || systemCode(error) === undefined) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new FastChatError("badConfig", `The data folder ${wanted} cannot be used: ${why}.`, undefined, {
      cause: error,
    });
  }
}

async function open(wanted: string): Promise<RestoredFolder> {
  const made = !(await isThere(wanted));
  // Before its permissions are narrowed.
  if (!made) await refuseUsed(wanted);
  await makePrivateFolder(wanted);
  const path = await realpath(wanted);
  const unlock = await acquireLock(join(path, LOCK_FILE));
  const marker = join(path, RESTORING_FILE);
  let completed = false;
  const release = async (): Promise<void> => {
    try {
      if (!completed) await empty(path);
    } finally {
      await unlock();
    }
    if (!completed && made) await rmdir(path).catch(() => undefined);
  };
  try {
    await refuseUsed(path);
    await empty(path);
    // A start refuses a folder with this file.
    await writePrivateFile(marker, `${DATA_VERSION}\n`);
  } catch (error) {
    await unlock();
    throw error;
  }
  return {
    path,
    async complete() {
      await rename(marker, join(path, VERSION_FILE));
      // A start takes it from here on.
      completed = true;
      await syncFolder(path);
    },
    release,
  };
}

async function refuseUsed(path: string): Promise<void> {
  const names = (await readdir(path)).filter((name) => !isPassingName(name));
  const ours = (name: string): boolean => name === RESTORING_FILE || BEGINNINGS.has(name);
  const found = names.includes(RESTORING_FILE) ? names.find((name) => !ours(name)) : names[0];
  if (found === undefined) return;
  throw new FastChatError(
    "badConfig",
    `${path} is not empty: it holds "${found}". A backup is restored into an empty or a new folder; name one with --data.`,
  );
}

/** The mark goes last: until then whatever is left is known as unfinished. */
async function empty(path: string): Promise<void> {
  for (const name of await readdir(path)) {
    if (BEGINNINGS.has(name)) await rm(join(path, name), { recursive: true, force: true });
  }
  await rm(join(path, RESTORING_FILE), { force: true });
}
