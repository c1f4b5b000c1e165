/**
 * What an embedded database tells of itself while it cannot speak: its engine computes in the thread's own event loop,
 * which answers no heartbeat meanwhile. So it counts in shared memory whenever a statement begins and ends: the count is
 * odd during one, and one that grows is a sign of life.
 */
export class StatementCount {
  readonly #cell: Int32Array<SharedArrayBuffer>;

  /** @param shared of at least four bytes, the same one in both threads */
  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.#cell = new Int32Array(shared, 0, 1);
  }

  /** To be handed to the other thread. */
  get shared(): SharedArrayBuffer {
    return this.#cell.buffer;
  }

  /** Begins and ends so far. It wraps around, from odd to even as ever. */
  read(): number {
    return Atomics.load(this.#cell, 0);
  }

  begin(): void {
    Atomics.add(this.#cell, 0, 1);
  }

  end(): void {
    Atomics.add(this.#cell, 0, 1);
  }
}
