/**
 * Files that are sealed under a password (PROTOCOL.md, "Sealed files"): a head that says how the key comes from the
 * password, then records of up to 64 KiB, each bound to the head, to its place and to whether it is the last one. So
 * nothing can be cut off, left out, exchanged or joined to another file.
 *
 * ```
 *  0  8 B   what it is: "FCEXPORT", "FCSEALED"
 *  8  u8    version, 1
 *  9  u8    scrypt: binary logarithm of N
 * 10  u8    scrypt: r
 * 11  u8    scrypt: p
 * 12  16 B  salt
 * 28        records: u8 1 in the last one and 0 in all others, u32 length, sealed record
 * ```
 */
import { primitives } from "#primitives";
import { concatBytes, equalBytes, toHex, utf8 } from "../protocol/bytes.js";
import { FastChatError, type ErrorCode } from "../protocol/errors.js";
import { u32 } from "./fields.js";
import { LABELS, type Label, type SealPurpose } from "./labels.js";
import { open, seal, SEALED_OVERHEAD_BYTES, SEALING_KEY_BYTES, type SealContext } from "./sealed.js";
import { undecryptable } from "./undecryptable.js";

/** What is sealed: a file of one kind never opens as another. */
export interface SealedKind {
  /** What such a file begins with; 8 bytes. */
  readonly magic: Uint8Array;
  readonly purpose: SealPurpose;
  readonly label: Label;
  /** What a person calls it. */
  readonly name: string;
  /** The code for a file of a later version. */
  readonly later: ErrorCode;
}

/** An export of an account's history. */
export const SEALED_EXPORT: SealedKind = {
  magic: utf8("FCEXPORT"),
  purpose: "export",
  label: LABELS.exportPasswordKey,
  name: "sealed export",
  later: "badRequest",
};

/** A backup of a whole service. */
export const SEALED_BACKUP: SealedKind = {
  magic: utf8("FCSEALED"),
  purpose: "backup",
  label: LABELS.backupPasswordKey,
  name: "sealed backup",
  later: "dataNewer",
};

const MAGIC_BYTES = 8;
const VERSION = 1;
const SALT_AT = 12;
const SALT_BYTES = 16;
const HEAD_BYTES = SALT_AT + SALT_BYTES;
/** Of a record, before what is sealed. */
const FRAME_BYTES = 5;
/** The most of a file's content in one record. */
export const SEALED_CHUNK_BYTES = 64 * 1024;
const MAX_SEALED_BYTES = SEALED_CHUNK_BYTES + SEALED_OVERHEAD_BYTES;
/** Of OWASP's recommended parameters those with the most memory: 128 MiB. */
const COST = { logN: 17, r: 8, p: 1 };
/** What a file may ask for: memory in bytes, and how often it is gone through. */
const MOST_MEMORY = 2 ** 30;
const MOST_PASSES = 4;
const MOST_LOG_N = 20;

/** Whether a file begins as a sealed one of that kind does. */
export function isSealed(kind: SealedKind, beginning: Uint8Array): boolean {
  return equalBytes(beginning.subarray(0, MAGIC_BYTES), kind.magic);
}

/** Seals a file, piece by piece. */
export class FileSealer {
  #index = 0;

  private constructor(
    private readonly kind: SealedKind,
    /** What the file begins with. */
    readonly head: Uint8Array,
    private readonly key: Uint8Array,
  ) {}

  /** @param password as prepared, not empty; takes about half a second and 128 MiB */
  static async create(kind: SealedKind, password: string): Promise<FileSealer> {
    const { logN, r, p } = COST;
    const salt = primitives.randomBytes(SALT_BYTES);
    const head = concatBytes(kind.magic, Uint8Array.of(VERSION, logN, r, p), salt);
    return new FileSealer(kind, head, await keyOf(kind, password, head, COST));
  }

  /**
   * The next records of the file.
   *
   * @param content any length; empty only together with `last`
   * @param last whether nothing comes behind it
   */
  async seal(content: Uint8Array, last: boolean): Promise<Uint8Array> {
    const records: Uint8Array[] = [];
    let at = 0;
    do {
      const chunk = content.subarray(at, at + SEALED_CHUNK_BYTES);
      at += chunk.length;
      const isLast = last && at >= content.length;
      const sealed = await seal(this.key, contextOf(this.kind, this.head, this.#index++, isLast), chunk);
      records.push(Uint8Array.of(isLast ? 1 : 0), u32(sealed.length), sealed);
    } while (at < content.length);
    return concatBytes(...records);
  }
}

/**
 * Opens a sealed file, piece by piece.
 *
 * @param source the file, in pieces of any size
 * @param password asked for once the head was found to be one
 * @throws FastChatError the kind's own for a file of a later version; `undecryptable` alike for another password, damage,
 *   forgery and a file that was cut short or joined with another one
 */
export async function* openSealed(
  kind: SealedKind,
  source: AsyncIterable<Uint8Array>,
  password: () => Promise<string>,
): AsyncGenerator<Uint8Array, void> {
  const bytes = new Pieces(source);
  const head = await bytes.take(HEAD_BYTES);
  const cost = head === null ? null : costOf(kind, head);
  if (head === null || cost === null) throw undecryptable();
  const key = await keyOf(kind, await password(), head, cost);
  for (let index = 0; ; index++) {
    const frame = await bytes.take(FRAME_BYTES);
    if (frame === null) throw undecryptable();
    const last = frame[0] === 1;
    if (!last && frame[0] !== 0) throw undecryptable();
    const length = new DataView(frame.buffer, frame.byteOffset).getUint32(1);
    const sealed = length > MAX_SEALED_BYTES ? null : await bytes.take(length);
    if (sealed === null) throw undecryptable();
    yield await open(key, contextOf(kind, head, index, last), sealed);
    if (!last) continue;
    if ((await bytes.take(1)) !== null) throw undecryptable();
    return;
  }
}

interface Cost {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

async function keyOf(kind: SealedKind, password: string, head: Uint8Array, cost: Cost): Promise<Uint8Array> {
  const stretched = await primitives.scrypt(utf8(password), head.subarray(SALT_AT), cost);
  return primitives.hkdfSha256(stretched, new Uint8Array(0), utf8(kind.label), SEALING_KEY_BYTES);
}

/**
 * @returns `null` for a head that is none, or that asks for more than this release takes
 * @throws FastChatError the kind's own for one of another version
 */
function costOf(kind: SealedKind, head: Uint8Array): Cost | null {
  const [version = 0, logN = 0, r = 0, p = 0] = head.subarray(MAGIC_BYTES, SALT_AT);
  if (!isSealed(kind, head)) return null;
  if (version !== VERSION) {
    throw new FastChatError(
      kind.later,
      `The ${kind.name} is of version ${version}; this release reads version ${VERSION}. Update FastChat.`,
    );
  }
  // N is less than 2^(128 * r / 8) (RFC 7914, section 2): what is not would be an error of the library's, and no answer.
  const bounded = logN >= 1 && logN <= Math.min(MOST_LOG_N, 16 * r - 1) && p >= 1 && p <= MOST_PASSES;
  return bounded && 128 * r * 2 ** logN <= MOST_MEMORY ? { logN, r, p } : null;
}

function contextOf(kind: SealedKind, head: Uint8Array, index: number, last: boolean): SealContext {
  const owner = toHex(head, SALT_AT, HEAD_BYTES);
  return {
    format: 1,
    purpose: kind.purpose,
    owner,
    generation: index,
    extra: [head, Uint8Array.of(last ? 1 : 0)],
  };
}

/** Bytes out of pieces of any size. */
class Pieces {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** @returns `null` where there are fewer */
  async take(count: number): Promise<Uint8Array | null> {
    const taken = new Uint8Array(count);
    for (let filled = 0; filled < count;) {
      if (this.#rest.length === 0) {
        const next = await this.#source.next();
        if (next.done === true) return null;
        this.#rest = next.value;
      }
      const part = this.#rest.subarray(0, count - filled);
      taken.set(part, filled);
      filled += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return taken;
  }
}
