/**
 * Acknowledgements still to come from further sessions of an account, for messages that the first one settled: they
 * need no row to be removed.
 */
export class Echoes {
  readonly #expected = new Map<string, number>();

  /** @param limit messages that are remembered at most, the latest ones */
  constructor(private readonly limit: number) {}

  expect(key: string, count: number): void {
    if (count === 0) return;
    this.#expected.set(key, count);
    if (this.#expected.size <= this.limit) return;
    for (const oldest of this.#expected.keys()) {
      this.#expected.delete(oldest);
      break;
    }
  }

  /** Whether this acknowledgement was expected. */
  take(key: string): boolean {
    const left = this.#expected.get(key);
    if (left === undefined) return false;
    if (left > 1) this.#expected.set(key, left - 1);
    else this.#expected.delete(key);
    return true;
  }

  clear(): void {
    this.#expected.clear();
  }
}
