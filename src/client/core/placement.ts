/** Where to connect: asks the balancer for no place that nobody takes, since each counts as a connection to come. */
import type { Placement } from "../../protocol/http.js";
import type { Endpoint } from "./ports.js";

export interface PlacerWays {
  /** Asks for a chat server; the answer says where the archive is, too. */
  place(): Promise<Placement>;
  /** Asks where the archive is, and for no place. */
  archive(): Promise<Endpoint>;
}

export class Placer {
  #archive: Endpoint | null = null;
  /** A question for a place, or for the archive, that is under way. */
  #placing: Promise<Placement> | null = null;
  #locating: Promise<Endpoint> | null = null;

  constructor(private readonly ways: PlacerWays) {}

  /** A server and a ticket that nobody has used. */
  async server(): Promise<Placement> {
    const placing = this.ways.place();
    this.#placing = placing;
    try {
      const placement = await placing;
      this.#archive = placement.archive;
      return placement;
    } finally {
      if (this.#placing === placing) this.#placing = null;
    }
  }

  /** The archive's address; the balancer is asked where it is not known, and nobody is asking for a place. */
  async archive(): Promise<Endpoint> {
    // Who connects to both asks for both in one turn of the event loop.
    await Promise.resolve();
    if (this.#archive !== null) return this.#archive;
    const placement = await this.#placing?.catch(() => null);
    if (placement) return placement.archive;
    this.#locating ??= this.#locate();
    return this.#locating;
  }

  /** The archive could not be reached where it was: ask again. */
  forgetArchive(): void {
    this.#archive = null;
  }

  async #locate(): Promise<Endpoint> {
    try {
      this.#archive = await this.ways.archive();
      return this.#archive;
    } finally {
      this.#locating = null;
    }
  }
}
