/**
 * Files as they are stored (PROTOCOL.md, "Files"): chunks of one size, the last one shorter, each a sealed record under the
 * file's own key, bound to the file, to its place and to whether it is the last one.
 */
import { primitives } from "#primitives";
import { concatBytes, toHex } from "../protocol/bytes.js";
import { u32 } from "./fields.js";
import { open, seal, SEALED_OVERHEAD_BYTES, SEALING_KEY_BYTES, type SealContext } from "./sealed.js";

/** Size of every chunk but the last, in bytes of the file. */
export const FILE_CHUNK_BYTES = 256 * 1024;

/** What a file's chunks are bound to and sealed under. */
export interface FileSecrets {
  /** 16 random bytes. */
  readonly file: Uint8Array;
  /** 32 random bytes. */
  readonly key: Uint8Array;
}

export function newFileSecrets(): FileSecrets {
  return { file: primitives.randomBytes(16), key: primitives.randomBytes(SEALING_KEY_BYTES) };
}

/** How many chunks a file has; an empty one has one. @param bytes of the file @param chunkBytes of a chunk */
export function chunksOf(bytes: number, chunkBytes: number): number {
  return Math.max(1, Math.ceil(bytes / chunkBytes));
}

/** The most that all sealed chunks of a file have together, in bytes. @param bytes of the file */
export function sealedFileBytes(bytes: number): number {
  return bytes + chunksOf(bytes, FILE_CHUNK_BYTES) * SEALED_OVERHEAD_BYTES;
}

/** @param number of the chunk, from 0 */
export function sealChunk(
  secrets: FileSecrets,
  number: number,
  last: boolean,
  chunk: Uint8Array,
): Promise<Uint8Array> {
  return seal(secrets.key, contextOf(secrets.file, number, last), chunk);
}

/** @throws FastChatError `undecryptable`, alike for another file, another place, damage and forgery */
export function openChunk(
  secrets: FileSecrets,
  number: number,
  last: boolean,
  sealed: Uint8Array,
): Promise<Uint8Array> {
  return open(secrets.key, contextOf(secrets.file, number, last), sealed);
}

/** Names a file by its content, chunk by chunk: SHA-256 over the SHA-256 of each. */
export class FileHash {
  readonly #hashes: Uint8Array[] = [];

  async add(chunk: Uint8Array): Promise<void> {
    this.#hashes.push(await primitives.sha256(chunk));
  }

  /** @returns 32 bytes */
  digest(): Promise<Uint8Array> {
    return primitives.sha256(concatBytes(...this.#hashes));
  }
}

function contextOf(file: Uint8Array, number: number, last: boolean): SealContext {
  const extra = [u32(number), Uint8Array.of(last ? 1 : 0)];
  return { format: 1, purpose: "file", owner: toHex(file), generation: 0, extra };
}
