/** What the header of a message to a group claims, held to the group's log: its sender was a member at that epoch. */
import type { EnvelopeHeader } from "../../crypto/envelope-header.js";
import type { Group } from "../../crypto/membership.js";
import { equalBytes } from "../../protocol/bytes.js";
import type { AccountId } from "../../protocol/ids.js";

export type Standing =
  | { readonly kind: "member"; readonly admin: boolean }
  /** Its sender, or this account, was no member then. */
  | { readonly kind: "outsider" }
  /** It names events that are others than this account knows, or that the service does not show. */
  | { readonly kind: "forked" | "hidden" }
  /** The log cannot be had; `soon`: for now. */
  | { readonly kind: "unknown"; readonly soon: boolean };

/** @param group as it was at the header's epoch; `null` where the log that can be had does not go as far */
export function standingIn(
  group: Group | null,
  { epoch, head, sender }: Pick<EnvelopeHeader, "epoch" | "head" | "sender">,
  me: AccountId,
): Standing {
  if (group === null) return epoch === 0 ? { kind: "outsider" } : { kind: "hidden" };
  if (!equalBytes(group.head, head)) return { kind: "forked" };
  const member = group.members.get(sender);
  if (member === undefined || !group.members.has(me)) return { kind: "outsider" };
  return { kind: "member", admin: member.admin };
}
