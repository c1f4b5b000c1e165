/** Files that hold secrets: readable by their owner only, and on disk whole or not at all. */
import { randomBytes } from "node:crypto";
import { access, chmod, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FastChatError } from "../protocol/errors.js";

/** Names of files that a write began and a crash left behind begin so. */
export const TEMPORARY_PREFIX = ".tmp-";

/** Permission bits of everybody but the owner. */
const OTHERS = 0o077;

/**
 * Writes a file of mode 0600. Once the promise is fulfilled the bytes have survived a power cut; if it is not, the
 * file is what it was before.
 *
 * @throws FastChatError `diskFull`; an error of the file system for everything else
 */
export async function writePrivateFile(path: string, content: Uint8Array | string): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, TEMPORARY_PREFIX + randomBytes(8).toString("hex"));
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw spaceError(error, path);
  }
  await syncFolder(folder);
}

/**
 * Reads a file that only its owner should be able to read.
 *
 * Wider permissions are narrowed and not refused: what others could read they have read, and a service that stays down
 * does not undo it.
 *
 * @param onNarrowed told of a file that others could read
 * @returns `null` where there is no such file
 */
export async function readPrivateFile(
  path: string,
  onNarrowed: (path: string) => void = () => undefined,
): Promise<Buffer<ArrayBuffer> | null> {
  let file;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const { mode } = await file.stat();
    if ((mode & OTHERS) !== 0) {
      await file.chmod(mode & 0o700);
      onNarrowed(path);
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Makes a folder and those above it, of mode 0700; narrows it if it is there with wider permissions. */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    await makeFolders(path);
    await chmod(path, 0o700);
  } catch (error) {
    throw spaceError(error, path);
  }
}

/** Not mkdir's own recursion: it never ends where a file system denies a folder whose parent there is, as /proc does. */
async function makeFolders(path: string): Promise<void> {
  const parent = dirname(path);
  if (await isThere(path)) return;
  if (parent !== path) await makeFolders(parent);
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    // Another process was first.
    if (systemCode(error) === "EEXIST") return;
    throw error;
  }
  await syncFolder(parent);
}

/** Whether there is anything of that name. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

/** Makes what was created, renamed or removed in a folder last. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The system's code of an error, as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}

/** `diskFull` where an error of the file system means that; any other error as it is. */
export function spaceError(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return new FastChatError("diskFull", `There is no space left to write ${path}.`, undefined, {
    cause: error,
  });
}
