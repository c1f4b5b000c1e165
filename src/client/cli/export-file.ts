/** A file that an export goes to: of mode 0600, and there once it is whole. */
import { randomBytes } from "node:crypto";
import { link, open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ExportSealer } from "../../crypto/sealed-export.js";
import { FastChatError } from "../../protocol/errors.js";
import { spaceError, syncFolder, systemCode, TEMPORARY_PREFIX } from "../../node/private-file.js";

/** So much is gathered before it is written, in characters. */
const CHUNK = 256 * 1024;

export class ExportFile {
  #waiting = "";
  #begun = false;

  private constructor(
    private readonly path: string,
    private readonly temporary: string,
    private readonly file: FileHandle,
    private readonly replace: boolean,
    private readonly sealer: ExportSealer | null,
  ) {}

  /**
   * @param replace whether a file that is there gives way
   * @param sealer seals what is written; `null` to leave it open
   * @throws FastChatError `badRequest` where there is a file, or no folder for it
   */
  static async create(path: string, replace: boolean, sealer: ExportSealer | null): Promise<ExportFile> {
    const temporary = join(dirname(path), TEMPORARY_PREFIX + randomBytes(8).toString("hex"));
    try {
      const file = await open(temporary, "wx", 0o600);
      return new ExportFile(path, temporary, file, replace, sealer);
    } catch (error) {
      throw openError(error, path);
    }
  }

  async write(text: string): Promise<void> {
    this.#waiting += text;
    if (this.#waiting.length >= CHUNK) await this.#flush(false);
  }

  /** @throws FastChatError `badRequest` where a file of that name has come meanwhile; `diskFull` */
  async finish(): Promise<void> {
    try {
      await this.#flush(true);
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

  async #flush(last: boolean): Promise<void> {
    const text = this.#waiting;
    this.#waiting = "";
    try {
      if (this.sealer === null) return await this.file.appendFile(text);
      if (!this.#begun) await this.file.appendFile(this.sealer.head);
      this.#begun = true;
      await this.file.appendFile(await this.sealer.seal(Buffer.from(text), last));
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
