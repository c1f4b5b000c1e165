/** A group's log as this account knows it: verified from the first event on, with the membership after any of them. */
import { groupIdOf, openGroupEvent, type SignedGroupEvent } from "../../crypto/group-event.js";
import { applyGroupEvent, type Group } from "../../crypto/membership.js";
import { equalBytes } from "../../protocol/bytes.js";
import type { ConversationId } from "../../protocol/ids.js";
import { RecentMap } from "./recent-map.js";

/**
 * What came of an event that was offered. `gap`: it is one behind others that are not known. `forked`: another one stands in its
 * place. `forged`: no event of this group, or not one that may follow.
 */
export type Offered =
  | { readonly kind: "added" | "known"; readonly event: SignedGroupEvent }
  | { readonly kind: "gap" | "forked" | "forged" };

/** Former memberships that are remembered, as computed. */
const REMEMBERED = 8;

export class GroupLog {
  readonly #events: SignedGroupEvent[] = [];
  readonly #former = new RecentMap<number, Group>(REMEMBERED);
  #group: Group | null = null;

  constructor(readonly id: ConversationId) {}

  /** As it is now; `null` before the first event. */
  get group(): Group | null {
    return this.#group;
  }

  get epoch(): number {
    return this.#events.length;
  }

  get events(): readonly SignedGroupEvent[] {
    return this.#events;
  }

  /** Adds an event, if it may follow. */
  async offer(bytes: Uint8Array): Promise<Offered> {
    const event = await opened(bytes);
    if (event === null) return { kind: "forged" };
    const standing = this.#events[event.number - 1];
    if (standing !== undefined) {
      return equalBytes(standing.hash, event.hash) ? { kind: "known", event: standing } : { kind: "forked" };
    }
    if (event.number > this.epoch + 1) return { kind: "gap" };
    const outcome = applyGroupEvent(this.#group, event);
    if ("refused" in outcome || (this.#group === null && groupIdOf(event) !== this.id))
      return { kind: "forged" };
    this.#events.push(event);
    this.#group = outcome.group;
    return { kind: "added", event };
  }

  /** The group after the event of that number; `null` where none is known. */
  at(epoch: number): Group | null {
    if (epoch === this.epoch) return this.#group;
    if (epoch < 1 || epoch > this.epoch) return null;
    const known = this.#former.get(epoch);
    if (known !== undefined) return known;
    let group: Group | null = null;
    for (const event of this.#events.slice(0, epoch)) {
      const outcome = applyGroupEvent(group, event);
      if ("group" in outcome) group = outcome.group;
    }
    if (group !== null) this.#former.set(epoch, group);
    return group;
  }
}

async function opened(bytes: Uint8Array): Promise<SignedGroupEvent | null> {
  try {
    return await openGroupEvent(bytes);
  } catch {
    return null;
  }
}
