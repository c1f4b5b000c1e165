/** A turn for each: what an engine with one session needs in order to look like a pool. */
export class Exclusive {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when it is the caller's turn; what it resolves to ends the turn. */
  async turn(): Promise<() => void> {
    const before = this.#last;
    let end: () => void = () => undefined;
    this.#last = new Promise((resolve) => {
      end = resolve;
    });
    await before;
    return end;
  }
}
