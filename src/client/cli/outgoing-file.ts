/** A file that is to be sent. */
import { open, type FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import { systemCode } from "../../node/private-file.js";
import { FastChatError } from "../../protocol/errors.js";
import type { FileSource } from "../core/files.js";

export class OutgoingFile implements FileSource {
  private constructor(
    readonly name: string,
    readonly bytes: number,
    private readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /** @throws FastChatError `badRequest` where it is not there, or may not be read */
  static async open(path: string): Promise<OutgoingFile> {
    let file: FileHandle;
    try {
      file = await open(path, "r");
    } catch (error) {
      const why = systemCode(error) === "ENOENT" ? "is not there" : "may not be read";
      throw new FastChatError("badRequest", `${path} ${why}.`, undefined, { cause: error });
    }
    const found = await file.stat();
    if (found.isFile()) return new OutgoingFile(basename(path), found.size, path, file);
    await file.close();
    throw new FastChatError("badRequest", `${path} is not a file.`);
  }

  /** @throws FastChatError `badRequest` where the file has become shorter */
  async read(at: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await this.file.read(bytes, done, length - done, at + done);
      if (bytesRead === 0)
        throw new FastChatError("badRequest", `${this.path} was changed while it was sent.`);
      done += bytesRead;
    }
    return bytes;
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
