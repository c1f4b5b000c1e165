/**
 * Who is a member of a group (PROTOCOL.md, "Groups"): a pure function of its events. The service and every client run the same one,
 * so that none can be told of a membership that no admin made.
 *
 * Whoever signs must be a member, and an admin for all but leaving. The last admin can leave: then whoever has been a member for
 * longest, and of those who came with one event the one named first, is admin. A group that nobody is left in has ended.
 */
import { equalBytes, toHex } from "../protocol/bytes.js";
import { FastChatError } from "../protocol/errors.js";
import { MAX_GROUP_MEMBERS } from "../protocol/groups.js";
import type { AccountId, ConversationId } from "../protocol/ids.js";
import { groupIdOf, type SignedGroupEvent } from "./group-event.js";

export interface Group {
  readonly id: ConversationId;
  /** Number of its newest event. */
  readonly epoch: number;
  /** Hash of that event, 32 bytes. */
  readonly head: Uint8Array;
  /** In the order in which they came, by whether they are admins. */
  readonly members: ReadonlyMap<AccountId, { readonly admin: boolean }>;
  /** How many may still be added by each invite, by its id in hexadecimal. */
  readonly invites: ReadonlyMap<string, number>;
}

/** Why an event may not follow. */
export type GroupRefusal =
  /** It does not name the newest event: another came first, or it belongs to another group. */
  | "stale"
  | "notMember"
  | "notAdmin"
  /** Somebody who is to be added, or promoted, is that already. */
  | "already"
  /** Somebody who is to be removed, promoted or demoted is no member, or no admin. */
  | "noSuchMember"
  /** Who leaves does so by `leave`, which the one who signs may always do. */
  | "yourself"
  | "tooMany"
  /** Somebody must be admin. */
  | "lastAdmin"
  /** The invite was never made, was revoked, or has been used as often as it may be. */
  | "noSuchInvite";

export type GroupOutcome = { readonly group: Group } | { readonly refused: GroupRefusal };

/**
 * What comes of an event.
 *
 * @param group `null` for an event that makes one
 */
export function applyGroupEvent(group: Group | null, event: SignedGroupEvent): GroupOutcome {
  if (group === null) return created(event);
  const { change, actor, number, previous } = event;
  if (change.type === "create" || number !== group.epoch + 1 || !equalBytes(previous, group.head)) {
    return { refused: "stale" };
  }
  const self = group.members.get(actor);
  if (self === undefined) return { refused: "notMember" };
  if (!self.admin && change.type !== "leave") return { refused: "notAdmin" };
  const next = { ...group, epoch: number, head: event.hash };
  switch (change.type) {
    case "add":
      return added(group, next, change);
    case "remove":
      return without(group, next, change.members, actor);
    case "leave":
      return { group: { ...next, members: left(group.members, actor) } };
    case "promote":
      return withAdmins(group, next, change.members, true);
    case "demote":
      return withAdmins(group, next, change.members, false);
    case "invite": {
      const invites = new Map(group.invites);
      if (change.uses === 0) invites.delete(toHex(change.invite));
      else invites.set(toHex(change.invite), change.uses);
      if (invites.size > MAX_GROUP_MEMBERS) return { refused: "tooMany" };
      return { group: { ...next, invites } };
    }
  }
}

function created(event: SignedGroupEvent): GroupOutcome {
  const { change, number, previous, actor, hash } = event;
  if (change.type !== "create" || number !== 1 || previous.some((byte) => byte !== 0)) {
    return { refused: "stale" };
  }
  if (change.members.includes(actor)) return { refused: "already" };
  const members = new Map([
    [actor, { admin: true }],
    ...change.members.map((member) => [member, { admin: false }] as const),
  ]);
  return { group: { id: groupIdOf(event), epoch: 1, head: hash, members, invites: new Map() } };
}

function added(
  group: Group,
  next: Group,
  { members: newcomers, invite }: Extract<SignedGroupEvent["change"], { type: "add" }>,
): GroupOutcome {
  if (newcomers.some((member) => group.members.has(member))) return { refused: "already" };
  if (group.members.size + newcomers.length > MAX_GROUP_MEMBERS) return { refused: "tooMany" };
  const members = new Map(group.members);
  for (const member of newcomers) members.set(member, { admin: false });
  if (invite === null) return { group: { ...next, members } };
  const key = toHex(invite);
  const uses = (group.invites.get(key) ?? 0) - newcomers.length;
  if (uses < 0) return { refused: "noSuchInvite" };
  const invites = new Map(group.invites);
  if (uses === 0) invites.delete(key);
  else invites.set(key, uses);
  return { group: { ...next, members, invites } };
}

function without(group: Group, next: Group, gone: readonly AccountId[], actor: AccountId): GroupOutcome {
  if (gone.includes(actor)) return { refused: "yourself" };
  if (gone.some((member) => !group.members.has(member))) return { refused: "noSuchMember" };
  const members = new Map(group.members);
  for (const member of gone) members.delete(member);
  return { group: { ...next, members } };
}

/** @param admin whether they become admins, or stop being any */
function withAdmins(group: Group, next: Group, whom: readonly AccountId[], admin: boolean): GroupOutcome {
  for (const account of whom) {
    const member = group.members.get(account);
    if (member === undefined) return { refused: "noSuchMember" };
    if (member.admin === admin) return { refused: admin ? "already" : "noSuchMember" };
  }
  const members = new Map(group.members);
  for (const account of whom) members.set(account, { admin });
  if (![...members.values()].some((member) => member.admin)) return { refused: "lastAdmin" };
  return { group: { ...next, members } };
}

/** The group passes on where nobody would be admin. */
function left(members: Group["members"], actor: AccountId): Group["members"] {
  const rest = new Map(members);
  rest.delete(actor);
  const [heir] = rest.keys();
  if (heir !== undefined && ![...rest.values()].some(({ admin }) => admin)) rest.set(heir, { admin: true });
  return rest;
}

const REFUSALS: Readonly<Record<GroupRefusal, string>> = {
  stale: "The group has changed meanwhile; read its newest events and try again.",
  notMember: "You are not a member of this group.",
  notAdmin: "Only the group's admins may do that.",
  already: "Somebody of those is that already.",
  noSuchMember: "Somebody of those is no member, or no admin.",
  yourself: "Leave the group instead of removing yourself.",
  tooMany: "The group would have too many members or invites.",
  lastAdmin: "Somebody must be the group's admin.",
  noSuchInvite: "The invite was revoked, or has been used as often as it may be.",
};

/** The error that says why an event may not follow: `conflict` where another came first, `tooLarge`, or `forbidden`. */
export function groupRefusal(reason: GroupRefusal): FastChatError {
  const code = reason === "stale" ? "conflict" : reason === "tooMany" ? "tooLarge" : "forbidden";
  return new FastChatError(code, REFUSALS[reason]);
}
