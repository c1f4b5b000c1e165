/** Chance that a seed decides: the same seed draws the same, on every machine. */
import type { Random } from "../../src/protocol/runtime.js";

/** Mulberry32: a small generator of 32 bits of state. */
export class Chance implements Random {
  #state: number;

  constructor(private readonly seed: number) {
    this.#state = seed | 0;
  }

  /**
   * Chance of its own for a part of the whole: what it draws does not depend on what others have drawn, so that a
   * schedule from which something is taken away stays the same everywhere else.
   */
  fork(name: string): Chance {
    let hash = 0x811c9dc5 ^ this.seed;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return new Chance(mix(hash));
  }

  /** From [0, 1). */
  next(): number {
    return this.#word() / 2 ** 32;
  }

  /** A whole number from 0, below `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** A whole number, both bounds included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }

  one<T>(all: readonly T[]): T {
    return all[this.below(all.length)] as T;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) {
      const word = this.#word();
      for (let i = 0; i < 4 && at + i < length; i++) bytes[at + i] = word >>> (8 * i);
    }
    return bytes;
  }

  #word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    const { imul } = Math;
    let mixed = imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}

/** The finalizer of MurmurHash3. */
function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
