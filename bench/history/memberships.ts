/** Who was in which group when, as far as a history tells: a change takes hold at some moment between its request and its answer. */
import type { At, MembershipEvent } from "./events.js";

export class Memberships {
  /** By conversation and account, in the order in which they took hold. */
  readonly #changes = new Map<string, Map<string, MembershipEvent[]>>();

  take(event: MembershipEvent): void {
    const { conversation, account } = event;
    const group = this.#changes.get(conversation) ?? new Map<string, MembershipEvent[]>();
    this.#changes.set(conversation, group);
    const changes = group.get(account);
    if (changes === undefined) group.set(account, [event]);
    else changes.push(event);
  }

  /** Everybody who was ever to be in a group. */
  everIn(conversation: string): Iterable<string> {
    return this.#changes.get(conversation)?.keys() ?? [];
  }

  /** Whether an account was certainly a member at every moment from one to another. */
  surely(conversation: string, account: string, from: At, to: At): boolean {
    let inside = false;
    for (const { member, at, until } of this.#of(conversation, account)) {
      if (member) inside ||= until !== null && until <= from;
      else if (at < to) inside = false;
    }
    return inside;
  }

  /** Whether an account may have been a member at some moment from one to another. */
  possibly(conversation: string, account: string, from: At, to: At): boolean {
    let inside = false;
    for (const { member, at, until } of this.#of(conversation, account)) {
      if (member) inside ||= at <= to;
      else if (until !== null && until < from) inside = false;
    }
    return inside;
  }

  #of(conversation: string, account: string): readonly MembershipEvent[] {
    return this.#changes.get(conversation)?.get(account) ?? [];
  }
}
