/** Wakes whoever waits for something to have changed. */
export class Signal {
  #waiting: (() => void)[] = [];

  /** Settles at the next {@link notify}. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
