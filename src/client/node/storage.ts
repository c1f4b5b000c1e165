/** A device's durable files: one for each name, whole or not there, readable by their owner only. */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  makePrivateFolder,
  readPrivateFile,
  syncFolder,
  systemCode,
  TEMPORARY_PREFIX,
  writePrivateFile,
} from "../../node/private-file.js";
import { withLock } from "../../node/socket-lock.js";
import { FastChatError } from "../../protocol/errors.js";
import type { HeldLock } from "../../protocol/runtime.js";
import type { DeviceStorage } from "../core/ports.js";

/** File systems end names at 255 bytes; what a temporary file's name adds must fit too. */
const MAX_FILE_NAME = 200;
/** No write of a small file takes an hour. */
const LEFTOVER_MS = 3_600_000;

export class FileStorage implements DeviceStorage {
  #swept: Promise<void> | null = null;

  /** @param folder made, with mode 0700, when something is first written */
  constructor(readonly folder: string) {}

  read(name: string): Promise<Uint8Array | null> {
    return this.#inWords(() => readPrivateFile(this.#path(name)));
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    await this.#make();
    await this.#inWords(() => writePrivateFile(this.#path(name), bytes));
  }

  async remove(name: string): Promise<void> {
    await this.#inWords(async () => {
      try {
        await rm(this.#path(name));
      } catch (error) {
        if (systemCode(error) === "ENOENT") return;
        throw error;
      }
      await syncFolder(this.folder);
    });
  }

  async list(prefix: string): Promise<string[]> {
    const files = await this.#inWords(async () => {
      try {
        return await readdir(this.folder);
      } catch (error) {
        if (systemCode(error) === "ENOENT") return [];
        throw error;
      }
    });
    return files
      .flatMap((file) => nameOfFile(file) ?? [])
      .filter((name) => name.startsWith(prefix))
      .sort();
  }

  async withLock<T>(name: string, work: (lock: HeldLock) => Promise<T>): Promise<T> {
    await this.#make();
    return withLock(join(this.folder, `.lock-${fileOfName(name)}`), work);
  }

  #path(name: string): string {
    return join(this.folder, fileOfName(name));
  }

  /** Again for each file: whoever removes the folder of a running client shall not break it for good. */
  async #make(): Promise<void> {
    await this.#inWords(() => makePrivateFolder(this.folder));
    this.#swept ??= removeLeftovers(this.folder);
    await this.#swept;
  }

  async #inWords<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw inWords(error, this.folder);
    }
  }
}

/** What a person has to know where the folder cannot be used; any other error as it is. */
function inWords(error: unknown, folder: string): unknown {
  switch (systemCode(error)) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return unusable(folder, "it may not be read or written", error);
    case "ENOTDIR":
    case "EEXIST":
      return unusable(folder, "something else has its name", error);
    default:
      return error;
  }
}

function unusable(folder: string, why: string, cause: unknown): FastChatError {
  return new FastChatError(
    "badConfig",
    `The folder ${folder} cannot be used: ${why}. Set FASTCHAT_HOME to another.`,
    undefined,
    { cause },
  );
}

/** Removes what writes left that a crash ended; what is younger may be another process's write under way. */
async function removeLeftovers(folder: string): Promise<void> {
  const files = (await readdir(folder)).filter((file) => file.startsWith(TEMPORARY_PREFIX));
  for (const path of files.map((file) => join(folder, file))) {
    const age = Date.now() - ((await stat(path).catch(() => null))?.mtimeMs ?? Infinity);
    if (age > LEFTOVER_MS) await rm(path, { force: true });
  }
}

/**
 * The file of a name. Anything but lower-case letters, digits, `.`, `_` and `-` is escaped, a capital letter too: some
 * file systems take two names that differ in case for one. A file that begins with a dot is never a name's.
 */
export function fileOfName(name: string): string {
  const escaped = [...Buffer.from(name)].map((byte, index) => {
    const char = String.fromCharCode(byte);
    const plain = /[a-z0-9_-]/.test(char) || (char === "." && index > 0);
    return plain ? char : `%${byte.toString(16).padStart(2, "0")}`;
  });
  const file = escaped.join("");
  if (file === "" || file.length > MAX_FILE_NAME) {
    throw new FastChatError("internal", `"${name}" cannot be the name of a stored file.`);
  }
  return file;
}

/** The name that {@link fileOfName} made this file of; `null` for other files. */
export function nameOfFile(file: string): string | null {
  try {
    const name = decodeURIComponent(file);
    return fileOfName(name) === file ? name : null;
  } catch {
    return null;
  }
}
