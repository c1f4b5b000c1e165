/** Where to connect: asks the balancer for no place that nobody takes, since each counts as a connection to come. */
import type { Placement } from "../../protocol/http.js";
import type { Endpoint } from "./ports.js";

export interface PlacerWays {
  /** Asks for a chat server. */
  place(): Promise<Placement>;
  /** Asks where the archive is, and for no place. */
  archive(): Promise<Endpoint>;
}

export class Placer {
  #archive: Endpoint | null = null;
  /** One question at a time: its answer may serve the next who asks. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly ways: PlacerWays) {}

  /** A server and a ticket that nobody has used. */
  server(): Promise<Placement> {
    return this.#inTurn(async () => {
      const placement = await this.ways.place();
      this.#archive = placement.archive;
      return placement;
    });
  }

  /** The archive's address; the balancer is asked where it is not known. */
  archive(): Promise<Endpoint> {
    return this.#inTurn(async () => (this.#archive ??= await this.ways.archive()));
  }

  /** The archive could not be reached where it was: ask again. */
  forgetArchive(): void {
    this.#archive = null;
  }

  #inTurn<T>(ask: () => Promise<T>): Promise<T> {
    const asking = this.#turn.then(ask);
    this.#turn = asking.catch(() => undefined);
    return asking;
  }
}
