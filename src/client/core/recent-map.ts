/** A map that forgets what was not asked for the longest, so that no stranger can make it grow without end. */
export class RecentMap<Key, Value> {
  readonly #map = new Map<Key, Value>();

  /** @param most entries kept */
  constructor(private readonly most: number) {}

  get size(): number {
    return this.#map.size;
  }

  get(key: Key): Value | undefined {
    const value = this.#map.get(key);
    if (value !== undefined) {
      this.#map.delete(key);
      this.#map.set(key, value);
    }
    return value;
  }

  set(key: Key, value: Value): void {
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size <= this.most) return;
    for (const oldest of this.#map.keys()) {
      this.#map.delete(oldest);
      return;
    }
  }

  delete(key: Key): void {
    this.#map.delete(key);
  }
}
