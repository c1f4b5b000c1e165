/** Framing (PROTOCOL.md, "Frames"): a u32 length in network order, then so many bytes. Bytes in, frames out; no socket. */
import { FastChatError } from "./errors.js";

/** Bytes of the length in front of every frame. */
export const LENGTH_BYTES = 4;

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
 * A declared length is checked against the cap before anything is allocated for it. Frames that lie whole within one
 * chunk are handed out as views on that chunk: whoever keeps one for long copies it.
 */
export class FrameSplitter {
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  /** @param maxFrameBytes the largest content allowed, without its length field */
  constructor(private readonly maxFrameBytes: number) {}

  /** Bytes kept of a frame that is not whole yet. */
  get bufferedBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * Takes a chunk and calls `onFrame` with the content of every frame that it completes, in order.
   *
   * @throws FastChatError `badFrame` on an empty frame or one over the cap; the stream cannot be read on after that
   */
  push(chunk: Uint8Array, onFrame: (content: Uint8Array) => void): void {
    let rest = chunk;
    if (this.#pendingBytes > 0) {
      this.#pending.push(chunk);
      this.#pendingBytes += chunk.length;
      if (this.#pendingBytes < LENGTH_BYTES) return;
      const length = this.#checked(this.#peekLength());
      if (this.#pendingBytes < LENGTH_BYTES + length) return;
      rest = joined(this.#pending, this.#pendingBytes);
      this.#pending = [];
      this.#pendingBytes = 0;
    }
    let offset = 0;
    while (rest.length - offset >= LENGTH_BYTES) {
      const length = this.#checked(readLength(rest, offset));
      const end = offset + LENGTH_BYTES + length;
      if (end > rest.length) break;
      onFrame(rest.subarray(offset + LENGTH_BYTES, end));
      offset = end;
    }
    if (offset < rest.length) {
      // A copy: a view would keep the whole chunk alive for a few bytes of it.
      this.#pending.push(rest.slice(offset));
      this.#pendingBytes = rest.length - offset;
    }
  }

  #checked(length: number): number {
    if (length === 0) throw new FastChatError("badFrame", "The peer sent an empty frame.");
    if (length > this.maxFrameBytes) {
      throw new FastChatError(
        "badFrame",
        `The peer announced a frame of ${length} bytes; at most ${this.maxFrameBytes} are allowed.`,
      );
    }
    return length;
  }

  #peekLength(): number {
    const first = this.#pending[0] as Uint8Array;
    if (first.length >= LENGTH_BYTES) return readLength(first, 0);
    // Joined once and kept so: a frame that trickles in must not be joined anew for every byte.
    const start = joined(this.#pending, this.#pendingBytes);
    this.#pending = [start];
    return readLength(start, 0);
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

/** Joins chunks into the first one's kind, so that Node's Buffer stays one with its fast conversions. */
function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const last = chunks[chunks.length - 1] as Uint8Array;
  const species = (last.constructor as { allocUnsafeSlow?: (size: number) => Uint8Array }).allocUnsafeSlow;
  const whole = species ? species(length) : new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
