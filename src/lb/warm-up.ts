/**
 * Slow start: a server that comes to others that are in use has the fewest connections of all, and would be sent
 * everybody who comes. Its share of them grows instead; meanwhile sessions move over.
 */
import type { ServerId } from "../protocol/ids.js";

/** The share of placements that a newcomer may be chosen for at first. */
const FIRST_SHARE = 0.1;

export class WarmUp {
  /** When they came. */
  readonly #newcomers = new Map<ServerId, number>();

  /** @param ms how long it takes, in milliseconds */
  constructor(private readonly ms: number) {}

  begin(id: ServerId, now: number): void {
    this.#newcomers.set(id, now);
  }

  end(id: ServerId): void {
    this.#newcomers.delete(id);
  }

  /** Share of placements that a server may be chosen for, up to 1. */
  warmth(id: ServerId, now: number): number {
    const since = this.#newcomers.get(id);
    if (since === undefined) return 1;
    const share = (now - since) / this.ms;
    if (share >= 1) this.end(id);
    return Math.min(1, Math.max(FIRST_SHARE, share));
  }
}
