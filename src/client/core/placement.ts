/** Where to connect: asks the balancer, and wastes no placement, since each counts as a connection to come. */
import type { Placement } from "../../protocol/http.js";
import type { Clock } from "../../protocol/runtime.js";
import type { Endpoint } from "./ports.js";

export class Placer {
  readonly #clock: Clock;
  readonly #place: () => Promise<Placement>;
  #archive: Endpoint | null = null;
  /** A placement that was made to learn the archive's address, and its ticket is still unused. */
  #spare: { readonly placement: Placement; readonly goodUntil: number } | null = null;
  /** One question at a time: its answer may serve the next who asks. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock, place: () => Promise<Placement>) {
    this.#clock = clock;
    this.#place = place;
  }

  /** A server and a ticket that nobody has used. */
  server(): Promise<Placement> {
    return this.#inTurn(async () => {
      const spare = this.#spare;
      this.#spare = null;
      if (spare !== null && this.#clock.now() < spare.goodUntil) return spare.placement;
      return this.#ask();
    });
  }

  /** The archive's address; the balancer is asked where it is not known. */
  archive(): Promise<Endpoint> {
    return this.#inTurn(async () => {
      if (this.#archive !== null) return this.#archive;
      const placement = await this.#ask();
      // Half of its time: the clocks of client and service need not agree on the rest.
      this.#spare = { placement, goodUntil: this.#clock.now() + placement.validMs / 2 };
      return placement.archive;
    });
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

  async #ask(): Promise<Placement> {
    const placement = await this.#place();
    this.#archive = placement.archive;
    return placement;
  }
}
