/** Placement: which chat server a device is sent to. */
import { toHex } from "../protocol/bytes.js";
import { FastChatError } from "../protocol/errors.js";
import type { AccountId, ServerId } from "../protocol/ids.js";
import type { Clock, Random } from "../protocol/runtime.js";
import type { Duty, ServerEntry } from "../protocol/threads.js";
import { eligible } from "./eligibility.js";
import type { LoadView, PlaceableServer } from "./load-view.js";
import type { Strategy } from "./strategy.js";

export interface PlacementOptions {
  readonly view: LoadView;
  /** What a server is for. */
  readonly dutyOf: (server: ServerId) => Duty;
  readonly strategy: Strategy;
  readonly clock: Clock;
  readonly random: Random;
  /** How often servers report, in milliseconds. */
  readonly reportMs: number;
  /** Told of every placement. */
  readonly onPlaced?: (server: ServerId) => void;
}

export interface Placed {
  readonly server: ServerEntry;
  /** 16 bytes for the ticket; by them the placement is known when the server names the ticket used. */
  readonly nonce: Uint8Array<ArrayBuffer>;
}

/** Reports that a server may miss before it counts as hung. */
const MISSED_REPORTS = 5;

/** How long a server may be silent, in milliseconds. @param reportMs how often servers report */
export function silenceMs(reportMs: number): number {
  return MISSED_REPORTS * reportMs;
}

/** How long a client should wait where there is no server: about as long as one takes to start. */
const RETRY_MS = 1000;
/** Of a ticket. */
export const NONCE_BYTES = 16;
const DRAW_BYTES = 6;

export class Placement {
  #turn = 0;

  constructor(private readonly options: PlacementOptions) {}

  /**
   * Chooses a server, and counts the connection that is about to be made there.
   *
   * @throws FastChatError `unavailable` where no server can take one more
   */
  place(account: AccountId): Placed {
    const { view, strategy, clock, random, onPlaced } = this.options;
    const now = clock.now();
    const known = view.servers(now);
    const serving = this.#serving(known);
    if (serving.length === 0 && known.length > 0) {
      throw new FastChatError("unavailable", "All chat servers that run are being emptied.", RETRY_MS);
    }
    const servers = this.#warm(this.#onOffer(serving));
    if (servers.length === 0) {
      throw new FastChatError("unavailable", "No chat server can take another connection.", RETRY_MS);
    }
    const id = strategy(servers, {
      account,
      draws: [this.#draw(), this.#draw()],
      turn: this.#turn++,
    });
    const chosen = servers.find((server) => server.id === id);
    if (chosen === undefined) {
      throw new FastChatError(
        "internal",
        `The placement strategy chose "${String(id)}", which is not on offer.`,
      );
    }
    const nonce = random.bytes(NONCE_BYTES);
    view.placed(chosen.entry, toHex(nonce), now);
    onPlaced?.(chosen.id);
    return { server: chosen.entry, nonce };
  }

  /** Whether anybody could be placed now. */
  get possible(): boolean {
    const { view, clock } = this.options;
    return this.#onOffer(this.#serving(view.servers(clock.now()))).length > 0;
  }

  /** Whatever their health: one that is to be empty is no way out. */
  #serving(servers: readonly PlaceableServer[]): PlaceableServer[] {
    return servers.filter(({ id }) => this.options.dutyOf(id) === "serving");
  }

  #onOffer(serving: readonly PlaceableServer[]): PlaceableServer[] {
    return eligible(serving, silenceMs(this.options.reportMs));
  }

  /** Without the newcomers whose turn it is not: each takes part in a share of the placements that grows. */
  #warm(servers: readonly PlaceableServer[]): readonly PlaceableServer[] {
    const warm = servers.filter(({ warmth }) => warmth >= 1 || this.#draw() < warmth);
    return warm.length > 0 ? warm : servers;
  }

  /** From [0, 1), in steps of 2^-48. */
  #draw(): number {
    return this.options.random.bytes(DRAW_BYTES).reduce((sum, byte) => (sum + byte) / 256, 0);
  }
}
