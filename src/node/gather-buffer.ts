/** A buffer that gathers the bytes of one turn. It starts as large as the last turn needed, so that it seldom grows. */

const SMALLEST = 1024;

export class GatherBuffer {
  #bytes: Buffer<ArrayBuffer> | null = null;
  #used = 0;
  #lastUsed = SMALLEST;

  get used(): number {
    return this.#used;
  }

  /** Makes room for `length` more bytes and returns the buffer and where they begin. */
  reserve(length: number): { bytes: Buffer<ArrayBuffer>; offset: number } {
    const offset = this.#used;
    const needed = offset + length;
    let bytes = this.#bytes;
    if (bytes === null || needed > bytes.length) {
      const larger = allocate(Math.max(needed, bytes === null ? this.#lastUsed : bytes.length * 2));
      if (bytes !== null) bytes.copy(larger, 0, 0, offset);
      bytes = this.#bytes = larger;
    }
    this.#used = needed;
    return { bytes, offset };
  }

  /** Takes what was gathered; the buffer is the caller's from then on. */
  take(): Buffer<ArrayBuffer> {
    const taken = (this.#bytes ?? allocate(0)).subarray(0, this.#used);
    this.#lastUsed = Math.max(SMALLEST, this.#used);
    this.#bytes = null;
    this.#used = 0;
    return taken;
  }
}

/** Memory of its own, outside Node's pool: it may be transferred to another thread. */
function allocate(length: number): Buffer<ArrayBuffer> {
  return Buffer.allocUnsafeSlow(length);
}
