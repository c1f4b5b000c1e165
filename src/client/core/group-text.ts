/** How a change of a group reads. */
import type { SignedGroupEvent } from "../../crypto/group-event.js";
import type { AccountId } from "../../protocol/ids.js";

/** The most names in one text. */
const MOST_NAMES = 10;

/** Whose names the text needs. */
export function accountsShown({ actor, change }: SignedGroupEvent): AccountId[] {
  return [actor, ...("members" in change ? change.members.slice(0, MOST_NAMES) : [])];
}

/** @param nameOf of the accounts of {@link accountsShown} */
export function changeText(
  { actor, change }: SignedGroupEvent,
  nameOf: (account: AccountId) => string,
): string {
  const by = nameOf(actor);
  switch (change.type) {
    case "create":
      return change.members.length === 0
        ? `${by} made the group`
        : `${by} made the group with ${listed(change.members, nameOf)}`;
    case "add":
      return `${by} added ${listed(change.members, nameOf)}`;
    case "remove":
      return `${by} removed ${listed(change.members, nameOf)}`;
    case "leave":
      return `${by} left`;
    case "promote":
      return `${by} made ${listed(change.members, nameOf)} admin`;
    case "demote":
      return `${by} took the rights of an admin from ${listed(change.members, nameOf)}`;
    case "invite":
      return change.uses === 0
        ? `${by} revoked an invite`
        : `${by} invited by link, for ${change.uses} to come`;
  }
}

function listed(accounts: readonly AccountId[], nameOf: (account: AccountId) => string): string {
  const names = accounts.slice(0, MOST_NAMES).map(nameOf).join(", ");
  const rest = accounts.length - MOST_NAMES;
  return rest > 0 ? `${names} and ${rest} others` : names;
}
