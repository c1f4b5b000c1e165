/**
 * A copy of a folder whose files are written to, taken in two rounds so that writers wait as short as can be: all of it while
 * they write, then, while somebody keeps them from writing, what has changed since.
 */
import { constants } from "node:fs";
import { copyFile, mkdir, readdir, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../node/private-file.js";
import { FastChatError } from "../protocol/errors.js";

/**
 * The time of a file's last change is as fine as the file system makes it, two seconds at worst. A file that was changed
 * longer ago than that when it was looked at shows every later change by another time.
 */
const COARSEST_TIME_MS = 2000;
/** What the service itself must find free meanwhile. */
const SPARE_BYTES = 64 * 1024 * 1024;

interface Seen {
  readonly size: bigint;
  readonly changedNs: bigint;
  readonly inode: bigint;
  /** So long ago that its time of change will tell of the next one. */
  readonly settled: boolean;
}

export class FolderCopy {
  readonly #seen = new Map<string, Seen>();

  /**
   * @param to is made; it must not be there
   * @param check what it throws ends the copying
   */
  constructor(
    private readonly from: string,
    private readonly to: string,
    private readonly check: () => void,
  ) {}

  /** Copies all, while the files may change. @throws FastChatError `diskFull`; errors of the file system */
  async ahead(): Promise<void> {
    await this.#refuseFull();
    await this.#round();
  }

  /** Copies what has changed. Nobody may write to the folder from before the call until it ends. */
  async complete(): Promise<void> {
    const there = await this.#round();
    for (const path of this.#seen.keys()) {
      if (!there.has(path)) await rm(join(this.to, path), { force: true });
    }
  }

  async #round(): Promise<Set<string>> {
    const there = new Set<string>();
    await mkdir(this.to, { recursive: true, mode: 0o700 });
    for (const entry of await readdir(this.from, { withFileTypes: true, recursive: true })) {
      this.check();
      const path = join(entry.parentPath, entry.name).slice(this.from.length + 1);
      if (entry.isDirectory()) await mkdir(join(this.to, path), { recursive: true, mode: 0o700 });
      else if (entry.isFile() && (await this.#copy(path))) there.add(path);
    }
    return there;
  }

  /** @returns whether the file is there */
  async #copy(path: string): Promise<boolean> {
    try {
      const seen = await look(join(this.from, path));
      const before = this.#seen.get(path);
      this.#seen.set(path, seen);
      if (before !== undefined && isSame(before, seen)) return true;
      // At once, without taking space, where the file system can.
      await copyFile(join(this.from, path), join(this.to, path), constants.COPYFILE_FICLONE);
      return true;
    } catch (error) {
      // Removed since the folder was read.
      if (systemCode(error) === "ENOENT") return false;
      throw error;
    }
  }

  async #refuseFull(): Promise<void> {
    let needed = SPARE_BYTES;
    for (const entry of await readdir(this.from, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue;
      const found = await stat(join(entry.parentPath, entry.name)).catch(() => null);
      needed += found?.size ?? 0;
    }
    const { bavail, bsize } = await statfs(this.from);
    if (bavail * bsize >= needed) return;
    throw new FastChatError(
      "diskFull",
      `A backup of a running service needs ${Math.ceil(needed / 2 ** 20)} MiB beside ${this.from} for a while.`,
    );
  }
}

async function look(path: string): Promise<Seen> {
  const now = Date.now();
  const { size, ctimeNs, ino } = await stat(path, { bigint: true });
  const settled = Number(ctimeNs / 1_000_000n) < now - COARSEST_TIME_MS;
  return { size, changedNs: ctimeNs, inode: ino, settled };
}

/** Whether a file cannot have changed since it was looked at. */
function isSame(before: Seen, now: Seen): boolean {
  return (
    before.settled &&
    before.size === now.size &&
    before.changedNs === now.changedNs &&
    before.inode === now.inode
  );
}
