/** Files that people send each other (PROTOCOL.md, "Files"): sealed here, kept by the service for some days. */
import {
  chunksOf,
  FILE_CHUNK_BYTES,
  FileHash,
  newFileSecrets,
  openChunk,
  sealChunk,
  sealedFileBytes,
} from "../../crypto/file-chunks.js";
import { undecryptable } from "../../crypto/undecryptable.js";
import { MAX_FILE_CHUNKS } from "../../protocol/archive.js";
import { equalBytes, utf8 } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import { MAX_FILE_NAME_BYTES, type KnownPayload } from "../../protocol/payload.js";
import type { Archive } from "./archive.js";
import type { Balancer } from "./balancer.js";

export type Attachment = Extract<KnownPayload, { type: "attachment" }>;

/** A file that is to be sent. */
export interface FileSource {
  /** As its recipient sees it; 1 to 255 bytes of UTF-8. */
  readonly name: string;
  /** Size in bytes. It must not change meanwhile. */
  readonly bytes: number;
  /** @returns exactly so many bytes from there on */
  read(at: number, length: number): Promise<Uint8Array>;
}

export interface FilesContext {
  /** Of the service, wherever the account's history lies. */
  readonly archive: Pick<Archive, "ask">;
  readonly balancer: Pick<Balancer, "fileVoucher">;
}

/** Chunks on their way at once. */
const AT_ONCE = 4;

export class Files {
  constructor(private readonly context: FilesContext) {}

  /**
   * Stores a file.
   *
   * @param text that goes with it; may be empty
   * @param onProgress told how many of its bytes are stored
   * @returns what its recipient needs
   * @throws FastChatError `tooLarge`, `tooMany`, `quotaExceeded` as the service refused it; what `read` throws
   */
  async upload(source: FileSource, text: string, onProgress: (bytes: number) => void): Promise<Attachment> {
    const { archive, balancer } = this.context;
    const { name, bytes } = source;
    // Before much is stored that no message could tell of.
    if (name === "" || utf8(name).length > MAX_FILE_NAME_BYTES) {
      throw new FastChatError("badRequest", `A file's name has 1 to ${MAX_FILE_NAME_BYTES} bytes.`);
    }
    const chunks = chunksOf(bytes, FILE_CHUNK_BYTES);
    if (chunks > MAX_FILE_CHUNKS) {
      const most = MAX_FILE_CHUNKS * FILE_CHUNK_BYTES;
      throw new FastChatError("tooLarge", `The file has ${bytes} bytes; no more than ${most} can be sent.`);
    }
    const secrets = newFileSecrets();
    const sealedBytes = sealedFileBytes(bytes);
    const voucher = await balancer.fileVoucher(sealedBytes);
    await archive.ask({ type: "beginFile", file: secrets.file, chunks, bytes: sealedBytes, voucher }, "done");
    const hash = new FileHash();
    const underWay = new Set<Promise<void>>();
    let stored = 0;
    let failure: unknown = null;
    for (let number = 0; number < chunks; number++) {
      const at = number * FILE_CHUNK_BYTES;
      const chunk = await source.read(at, Math.min(FILE_CHUNK_BYTES, bytes - at));
      await hash.add(chunk);
      const sealed = await sealChunk(secrets, number, number === chunks - 1, chunk);
      const putting = archive
        .ask({ type: "putChunk", file: secrets.file, number, sealed }, "done")
        .then(
          () => {
            stored += chunk.length;
            onProgress(stored);
          },
          (error: unknown) => {
            failure ??= error;
          },
        )
        .finally(() => underWay.delete(putting));
      underWay.add(putting);
      if (underWay.size >= AT_ONCE) await Promise.race(underWay);
      if (failure !== null) break;
    }
    await Promise.all(underWay);
    if (failure !== null) throw failure as Error;
    return {
      type: "attachment",
      name,
      mediaType: "",
      bytes,
      chunkBytes: FILE_CHUNK_BYTES,
      ...secrets,
      hash: await hash.digest(),
      text,
    };
  }

  /**
   * Fetches a file.
   *
   * @param write given the file's bytes in order; they are the file's once this has returned, and not before
   * @throws FastChatError `noSuchFile` where it has expired; `undecryptable` where it is damaged, or not the one that was
   *   sent; `badRequest` for one that this release does not know how to fetch; what `write` throws
   */
  async download(attachment: Attachment, write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    const { bytes, chunkBytes, file } = attachment;
    const chunks = chunksOf(bytes, chunkBytes);
    // Larger ones would not fit into an answer, and more would never end.
    if (chunkBytes > FILE_CHUNK_BYTES || chunks > MAX_FILE_CHUNKS) {
      throw new FastChatError("badRequest", "The file was made in a way that this release does not know.");
    }
    const hash = new FileHash();
    for (let number = 0; number < chunks; number++) {
      const { sealed } = await this.context.archive.ask({ type: "getChunk", file, number }, "chunk");
      const chunk = await openChunk(attachment, number, number === chunks - 1, sealed);
      if (chunk.length !== Math.min(chunkBytes, bytes - number * chunkBytes)) throw undecryptable();
      await hash.add(chunk);
      await write(chunk);
    }
    if (!equalBytes(await hash.digest(), attachment.hash)) throw undecryptable();
  }
}
