/** A device's durable files: one for each name, whole or not there, readable by their owner only. */
import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { readPrivateFile, syncFolder, writePrivateFile } from "../../node/private-file.js";
import { withLock } from "../../node/socket-lock.js";
import { FastChatError } from "../../protocol/errors.js";
import type { DeviceStorage } from "../core/ports.js";

/** File systems end names at 255 bytes; what a temporary file's name adds must fit too. */
const MAX_FILE_NAME = 200;

export class FileStorage implements DeviceStorage {
  #made: Promise<void> | null = null;

  /** @param folder made, with mode 0700, when something is first written */
  constructor(readonly folder: string) {}

  read(name: string): Promise<Uint8Array | null> {
    return readPrivateFile(this.#path(name));
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(name);
    await this.#make();
    await writePrivateFile(path, bytes);
  }

  async remove(name: string): Promise<void> {
    try {
      await rm(this.#path(name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    await syncFolder(this.folder);
  }

  async list(prefix: string): Promise<string[]> {
    let files: string[];
    try {
      files = await readdir(this.folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
    return files
      .flatMap((file) => nameOfFile(file) ?? [])
      .filter((name) => name.startsWith(prefix))
      .sort();
  }

  async withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
    const path = join(this.folder, `.lock-${fileOfName(name)}`);
    await this.#make();
    return withLock(path, work);
  }

  #path(name: string): string {
    return join(this.folder, fileOfName(name));
  }

  #make(): Promise<void> {
    return (this.#made ??= makePrivateFolder(this.folder));
  }
}

async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
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
