/** Framing (PROTOCOL.md, "Frames"): a u32 length in network order, then so many bytes. Bytes in, frames out; no socket. */
import { FastChatError } from "./errors.js";

/** Bytes of the length in front of every frame. */
export const LENGTH_BYTES = 4;

/** What is allocated at once for a frame that is not whole yet; most frames are smaller. */
const FIRST_BYTES = 2048;

/** Puts the length in front of a frame's content. */
export function encodeFrame(content: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(LENGTH_BYTES + content.length);
  new DataView(frame.buffer).setUint32(0, content.length);
  frame.set(content, LENGTH_BYTES);
  return frame;
}

/**
 * Splits a byte stream into frames.
 *
 * A declared length is checked against the cap before anything is allocated for it, and what is allocated follows what
 * has come, not what was declared. Frames that lie whole within one chunk are handed out as views on that chunk: whoever keeps one
 * for long copies it.
 */
export class FrameSplitter {
  /**
   * The start of a frame that is not whole yet: a copy, as a view would keep its whole chunk alive, and in one piece
   * that doubles as the frame comes in, so that a frame that trickles in is neither joined anew for every byte nor
   * kept as thousands of chunks.
   */
  #kept: Uint8Array | null = null;
  #keptBytes = 0;

  /** @param maxFrameBytes the largest content allowed, without its length field */
  constructor(private maxFrameBytes: number) {}

  /** From the next frame on this is the cap. */
  allow(maxFrameBytes: number): void {
    this.maxFrameBytes = maxFrameBytes;
  }

  /** Bytes kept of a frame that is not whole yet. */
  get bufferedBytes(): number {
    return this.#keptBytes;
  }

  /**
   * Takes a chunk and calls `onFrame` with the content of every frame that it completes, in order.
   *
   * @throws FastChatError `badFrame` on an empty frame or one over the cap; the stream cannot be read on after that
   */
  push(chunk: Uint8Array, onFrame: (content: Uint8Array) => void): void {
    let offset = 0;
    if (this.#keptBytes > 0) {
      if (this.#keptBytes < LENGTH_BYTES) offset = this.#keep(chunk, 0, LENGTH_BYTES);
      if (this.#keptBytes < LENGTH_BYTES) return;
      const end = this.#endOfFrame(this.#kept as Uint8Array, 0);
      offset = this.#keep(chunk, offset, end);
      if (this.#keptBytes < end) return;
      const whole = this.#kept as Uint8Array;
      this.#kept = null;
      this.#keptBytes = 0;
      onFrame(whole.subarray(LENGTH_BYTES, end));
    }
    while (chunk.length - offset >= LENGTH_BYTES) {
      const end = this.#endOfFrame(chunk, offset);
      if (end > chunk.length) {
        this.#keep(chunk, offset, end - offset);
        return;
      }
      onFrame(chunk.subarray(offset + LENGTH_BYTES, end));
      offset = end;
    }
    if (offset < chunk.length) this.#keep(chunk, offset, LENGTH_BYTES);
  }

  /**
   * Keeps what `chunk` holds from `offset` on, up to `wanted` bytes in all.
   *
   * @returns the offset behind what was kept
   */
  #keep(chunk: Uint8Array, offset: number, wanted: number): number {
    const end = Math.min(chunk.length, offset + wanted - this.#keptBytes);
    const needed = this.#keptBytes + end - offset;
    if (this.#kept === null || needed > this.#kept.length) {
      const larger = allocateLike(chunk, Math.min(wanted, Math.max(2 * needed, FIRST_BYTES)));
      if (this.#kept !== null) larger.set(this.#kept.subarray(0, this.#keptBytes));
      this.#kept = larger;
    }
    this.#kept.set(chunk.subarray(offset, end), this.#keptBytes);
    this.#keptBytes = needed;
    return end;
  }

  /** Where the frame that begins at `offset` ends. */
  #endOfFrame(bytes: Uint8Array, offset: number): number {
    const length = readLength(bytes, offset);
    if (length === 0) throw new FastChatError("badFrame", "The peer sent an empty frame.");
    if (length > this.maxFrameBytes) {
      throw new FastChatError(
        "badFrame",
        `The peer announced a frame of ${length} bytes; at most ${this.maxFrameBytes} are allowed.`,
      );
    }
    return offset + LENGTH_BYTES + length;
  }
}

function readLength(bytes: Uint8Array, offset: number): number {
  return (
    (((bytes[offset] as number) << 24) |
      ((bytes[offset + 1] as number) << 16) |
      ((bytes[offset + 2] as number) << 8) |
      (bytes[offset + 3] as number)) >>>
    0
  );
}

/** Memory of the chunk's own kind, so that Node's Buffer stays one with its fast conversions. */
function allocateLike(chunk: Uint8Array, length: number): Uint8Array {
  const kind = chunk.constructor as { allocUnsafeSlow?: (size: number) => Uint8Array };
  return kind.allocUnsafeSlow?.(length) ?? new Uint8Array(length);
}
