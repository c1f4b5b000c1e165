/** A file that an export goes to: there once it is whole, and sealed where its owner wants it so. */
import type { FileSealer } from "../../crypto/sealed-file.js";
import { WholeFile } from "../../node/whole-file.js";

/** So much is gathered before it is written, in characters. */
const CHUNK = 256 * 1024;

export class ExportFile {
  #waiting = "";
  #begun = false;

  private constructor(
    private readonly file: WholeFile,
    private readonly sealer: FileSealer | null,
  ) {}

  /**
   * @param replace whether a file that is there gives way
   * @param sealer seals what is written; `null` to leave it open
   * @throws FastChatError `badRequest` where there is no folder for it, or it may not be written
   */
  static async create(path: string, replace: boolean, sealer: FileSealer | null): Promise<ExportFile> {
    return new ExportFile(await WholeFile.create(path, replace), sealer);
  }

  async write(text: string): Promise<void> {
    this.#waiting += text;
    if (this.#waiting.length >= CHUNK) await this.#flush(false);
  }

  /** @throws FastChatError `badRequest` where there is a file of that name; `diskFull` */
  async finish(): Promise<void> {
    await this.#flush(true);
    await this.file.finish();
  }

  /** Leaves nothing behind. */
  abandon(): Promise<void> {
    return this.file.abandon();
  }

  async #flush(last: boolean): Promise<void> {
    const text = this.#waiting;
    this.#waiting = "";
    if (this.sealer === null) return this.file.append(text);
    if (!this.#begun) await this.file.append(this.sealer.head);
    this.#begun = true;
    await this.file.append(await this.sealer.seal(Buffer.from(text), last));
  }
}
