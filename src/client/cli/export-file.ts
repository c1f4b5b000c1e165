/** A file that an export goes to: of mode 0600, and there once it is whole. */
import { randomBytes } from "node:crypto";
import { link, open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FastChatError } from "../../protocol/errors.js";
import { spaceError, syncFolder, systemCode, TEMPORARY_PREFIX } from "../../node/private-file.js";

/** So much is gathered before it is written, in characters. */
const CHUNK = 256 * 1024;

export class ExportFile {
  #waiting = "";

  private constructor(
    private readonly path: string,
    private readonly temporary: string,
    private readonly file: FileHandle,
    private readonly replace: boolean,
  ) {}

  /**
   * @param replace whether a file that is there gives way
   * @throws FastChatError `badRequest` where there is a file, or no folder for it
   */
  static async create(path: string, replace: boolean): Promise<ExportFile> {
    const temporary = join(dirname(path), TEMPORARY_PREFIX + randomBytes(8).toString("hex"));
    try {
      const file = await open(temporary, "wx", 0o600);
      return new ExportFile(path, temporary, file, replace);
    } catch (error) {
      throw openError(error, path);
    }
  }

  async write(text: string): Promise<void> {
    this.#waiting += text;
    if (this.#waiting.length >= CHUNK) await this.#flush();
  }

  /** @throws FastChatError `badRequest` where a file of that name has come meanwhile; `diskFull` */
  async finish(): Promise<void> {
    try {
      await this.#flush();
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

  async #flush(): Promise<void> {
    const text = this.#waiting;
    this.#waiting = "";
    try {
      await this.file.appendFile(text);
    } catch (error) {
      throw spaceError(error, this.path);
    }
  }
}

function openError(error: unknown, path: string): unknown {
  switch (systemCode(error)) {
    case "EEXIST":
      return new FastChatError("badRequest", `${path} is there already; give another name, or --force.`);
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
