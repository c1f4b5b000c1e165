/**
 * The file of a backup: written whole or not at all, and read only after all of it was found undamaged.
 *
 * ```
 *  0       8 B   "FCBACKUP"
 *  8       u8    version, 1
 *  9             gzip (RFC 1952) of the records
 * -32      32 B  SHA-256 of all of the above
 * ```
 *
 * A sealed backup is such a file within a sealed file (PROTOCOL.md, "Sealed files").
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { pipeline as pipelineWithCallback, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { FileSealer, isSealed, openSealed, SEALED_BACKUP } from "../crypto/sealed-file.js";
import { systemCode } from "../node/private-file.js";
import { WholeFile } from "../node/whole-file.js";
import { FastChatError } from "../protocol/errors.js";
import { decodeRecords, type BackupRecord } from "./records.js";

const MAGIC = Buffer.from("FCBACKUP");
const VERSION = 1;
const HEAD_BYTES = MAGIC.length + 1;
const DIGEST_BYTES = 32;
/** Of what passes through; most of it is ciphertext, which a slower level makes no smaller. */
const CHUNK_BYTES = 64 * 1024;
const GZIP = { level: 1, chunkSize: CHUNK_BYTES };

/**
 * Writes a backup.
 *
 * @param replace whether a file that is there gives way
 * @param password as prepared, to seal it; `null` to leave it open
 * @param work is given what writes one encoded record; the next one only once that is done
 * @returns its size in bytes
 * @throws FastChatError `badRequest` where there is a file of that name or it may not be written; `diskFull`; whatever `work`
 *   throws. Nothing is left behind then.
 */
export async function writeBackupFile(
  path: string,
  replace: boolean,
  password: string | null,
  work: (write: (record: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<number> {
  const sealer = password === null ? null : await FileSealer.create(SEALED_BACKUP, password);
  const file = await WholeFile.create(path, replace);
  let size = 0;
  const append = async (source: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of source) {
      await file.append(chunk);
      size += chunk.length;
    }
  };
  const gzip = createGzip(GZIP);
  const written = pipeline(gzip, withHeadAndDigest, (source) => sealed(source, sealer), append);
  // Told where it is waited for.
  written.catch(() => undefined);
  try {
    await work(async (record) => {
      if (!gzip.write(record)) await Promise.race([once(gzip, "drain"), written]);
    });
    gzip.end();
    await written;
    await file.finish();
  } catch (error) {
    gzip.destroy();
    await written.catch(() => undefined);
    await file.abandon();
    throw error;
  }
  return size;
}

async function* withHeadAndDigest(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const hash = createHash("sha256");
  const head = Buffer.concat([MAGIC, Uint8Array.of(VERSION)]);
  hash.update(head);
  yield head;
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
  yield hash.digest();
}

/** One piece behind, so that the last one is known. */
async function* sealed(
  source: AsyncIterable<Uint8Array>,
  sealer: FileSealer | null,
): AsyncGenerator<Uint8Array, void> {
  if (sealer === null) {
    yield* source;
    return;
  }
  yield sealer.head;
  let held: Uint8Array = new Uint8Array();
  for await (const chunk of source) {
    if (held.length > 0) yield await sealer.seal(held, false);
    held = chunk;
  }
  yield await sealer.seal(held, true);
}

/** A backup that was found whole. */
export class BackupFile {
  private constructor(
    readonly path: string,
    private readonly password: (() => Promise<string>) | null,
  ) {}

  /**
   * Reads all of it once.
   *
   * @param password asked for once, where it is sealed
   * @throws FastChatError `backupDamaged` where it was changed or cut short or is no backup; `dataNewer` for one of a later form;
   *   `undecryptable` for a wrong password, and for a sealed one that is damaged; `badRequest` where it cannot be read
   */
  static async open(path: string, password: () => Promise<string>): Promise<BackupFile> {
    const beginning = await beginningOf(path);
    let asked: Promise<string> | undefined;
    const once = (): Promise<string> => (asked ??= password());
    const file = new BackupFile(path, isSealed(SEALED_BACKUP, beginning) ? once : null);
    const hash = createHash("sha256");
    let digest: Uint8Array = new Uint8Array();
    try {
      for await (const { bytes, isDigest } of file.#parts()) {
        if (isDigest) digest = bytes;
        else hash.update(bytes);
      }
    } catch (error) {
      throw file.#openError(error);
    }
    if (!hash.digest().equals(digest)) throw file.#damaged();
    return file;
  }

  get isSealed(): boolean {
    return this.password !== null;
  }

  /** Its records from the first. @throws FastChatError `backupDamaged`, `undecryptable` */
  async *records(): AsyncGenerator<BackupRecord, void> {
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    // An error on the way ends what is read below.
    pipelineWithCallback(Readable.from(this.#compressed()), gunzip, () => undefined);
    try {
      yield* decodeRecords(gunzip);
    } catch (error) {
      throw systemCode(error)?.startsWith("Z_") === true ? this.#damaged() : this.#openError(error);
    }
  }

  async *#compressed(): AsyncGenerator<Uint8Array, void> {
    let head = HEAD_BYTES;
    for await (const { bytes, isDigest } of this.#parts()) {
      if (isDigest) return;
      const content = bytes.subarray(Math.min(head, bytes.length));
      head -= bytes.length - content.length;
      if (content.length > 0) yield content;
    }
  }

  /** The open file: all up to the digest, and the digest. */
  async *#parts(): AsyncGenerator<{ bytes: Uint8Array; isDigest: boolean }, void> {
    let held: Buffer = Buffer.alloc(0);
    let checked = false;
    for await (const chunk of this.#open()) {
      held = Buffer.concat([held, chunk]);
      if (held.length < HEAD_BYTES + DIGEST_BYTES) continue;
      if (!checked) this.#checkHead(held);
      checked = true;
      const end = held.length - DIGEST_BYTES;
      yield { bytes: held.subarray(0, end), isDigest: false };
      held = held.subarray(end);
    }
    if (!checked) throw this.#damaged();
    yield { bytes: held, isDigest: true };
  }

  #open(): AsyncIterable<Uint8Array> {
    const source: AsyncIterable<Uint8Array> = createReadStream(this.path, { highWaterMark: CHUNK_BYTES });
    return this.password === null ? source : openSealed(SEALED_BACKUP, source, this.password);
  }

  #checkHead(beginning: Buffer): void {
    if (!beginning.subarray(0, MAGIC.length).equals(MAGIC)) throw this.#damaged();
    const version = beginning[MAGIC.length] ?? 0;
    if (version <= VERSION) {
      if (version === VERSION) return;
      throw this.#damaged();
    }
    throw new FastChatError(
      "dataNewer",
      `${this.path} is a backup of version ${version}; this release reads version ${VERSION}.`,
    );
  }

  #damaged(): FastChatError {
    return new FastChatError("backupDamaged", `${this.path} is damaged, was cut short, or is no backup.`);
  }

  #openError(error: unknown): unknown {
    if (error instanceof FastChatError && error.code === "undecryptable") {
      const why = "the password is another, or the file was damaged or cut short";
      return new FastChatError("undecryptable", `${this.path} does not open: ${why}.`, undefined, {
        cause: error,
      });
    }
    return readError(error, this.path);
  }
}

async function beginningOf(path: string): Promise<Uint8Array> {
  try {
    // A folder can be opened, too.
    if (!(await stat(path)).isFile()) throw new FastChatError("badRequest", `${path} is no file.`);
    const file = await open(path, "r");
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw readError(error, path);
  }
}

function readError(error: unknown, path: string): unknown {
  if (error instanceof FastChatError || systemCode(error) === undefined) return error;
  if (systemCode(error) === "ENOENT") return new FastChatError("badRequest", `There is no file ${path}.`);
  const why = error instanceof Error ? error.message : String(error);
  return new FastChatError("badRequest", `${path} cannot be read: ${why}.`, undefined, { cause: error });
}
