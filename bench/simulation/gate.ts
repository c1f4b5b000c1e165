/** A place on a way that can be closed: whoever comes waits, in order, until it is opened. */
export class Gate {
  #closed = false;
  readonly #waiting: (() => void)[] = [];

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  hold(): void {
    this.#closed = true;
  }

  /** Whoever comes from now on passes; who waits goes on waiting. */
  letOthersPass(): void {
    this.#closed = false;
  }

  release(): void {
    this.#closed = false;
    for (const pass of this.#waiting.splice(0)) pass();
  }

  pass(): Promise<void> {
    if (!this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
