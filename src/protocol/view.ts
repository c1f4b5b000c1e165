/** Views (PROTOCOL.md, "Views and homes"): the numbered set of live chat servers, and where in it an account is at home. */
import type { AccountId, Incarnation, ServerId } from "./ids.js";

export interface ViewMember {
  readonly id: ServerId;
  readonly incarnation: Incarnation;
}

export interface View {
  /** Counts up from 1; 0 is the empty view before the first. */
  readonly number: number;
  readonly members: readonly ViewMember[];
}

export const EMPTY_VIEW: View = { number: 0, members: [] };

/**
 * The home of an account in a view, by rendezvous hashing (Thaler and Ravishankar, 1998): the member with the highest
 * weight, so that a member that comes or goes moves only its own share.
 *
 * @returns `null` in an empty view
 */
export function homeOf(view: View, account: AccountId): ViewMember | null {
  let home: ViewMember | null = null;
  let highest = -1;
  for (const member of view.members) {
    const weight = rendezvousWeight(member.id, account);
    if (weight > highest || (weight === highest && home !== null && member.id < home.id)) {
      home = member;
      highest = weight;
    }
  }
  return home;
}

/** FNV-1a over both names with the finalizer of MurmurHash3; an unsigned 32-bit integer. Not for secrets. */
export function rendezvousWeight(server: ServerId, account: AccountId): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < server.length; i++) hash = Math.imul(hash ^ server.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ 0xff, 0x01000193);
  for (let i = 0; i < account.length; i++) hash = Math.imul(hash ^ account.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
