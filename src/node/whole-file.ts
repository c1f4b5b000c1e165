/** A file of mode 0600 that is there once it is whole. */
import { randomBytes } from "node:crypto";
import { link, open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FastChatError } from "../protocol/errors.js";
import { isThere, spaceError, syncFolder, systemCode, TEMPORARY_PREFIX } from "./private-file.js";

export class WholeFile {
  private constructor(
    readonly path: string,
    private readonly temporary: string,
    private readonly file: FileHandle,
    private readonly replace: boolean,
  ) {}

  /**
   * @param replace whether a file that is there gives way
   * @throws FastChatError `badRequest` where there is a file of that name, or no folder for it, or it may not be written
   */
  static async create(path: string, replace: boolean): Promise<WholeFile> {
    if (!replace) await WholeFile.refuseIfThere(path);
    const temporary = join(dirname(path), TEMPORARY_PREFIX + randomBytes(8).toString("hex"));
    try {
      return new WholeFile(path, temporary, await open(temporary, "wx", 0o600), replace);
    } catch (error) {
      throw openError(error, path);
    }
  }

  /** Before much work is done for it; another may come meanwhile. @throws FastChatError `badRequest` */
  static async refuseIfThere(path: string): Promise<void> {
    if (await isThere(path)) throw thereAlready(path);
  }

  /** @throws FastChatError `diskFull` */
  async append(content: Uint8Array | string): Promise<void> {
    try {
      await this.file.appendFile(content);
    } catch (error) {
      throw spaceError(error, this.path);
    }
  }

  /** @throws FastChatError `badRequest` where there is a file of that name; `diskFull` */
  async finish(): Promise<void> {
    try {
      await this.file.sync();
      await this.file.close();
      // Linking fails where there is a file, as renaming does not.
      if (this.replace) await rename(this.temporary, this.path);
      else await link(this.temporary, this.path);
      await syncFolder(dirname(this.path));
    } catch (error) {
      throw openError(error, this.path);
    } finally {
      await rm(this.temporary, { force: true });
    }
  }

  /** Leaves nothing behind. */
  async abandon(): Promise<void> {
    await this.file.close().catch(() => undefined);
    await rm(this.temporary, { force: true });
  }
}

function openError(error: unknown, path: string): unknown {
  switch (systemCode(error)) {
    case "EEXIST":
      return thereAlready(path);
    case "ENOENT":
    case "ENOTDIR":
      return new FastChatError("badRequest", `There is no folder for ${path}.`);
    case "EACCES":
    case "EROFS":
    case "EPERM":
      return new FastChatError("badRequest", `${path} may not be written.`);
    default:
      return spaceError(error, path);
  }
}

function thereAlready(path: string): FastChatError {
  return new FastChatError("badRequest", `${path} is there already; give another name, or --force.`);
}
