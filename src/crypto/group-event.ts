/**
 * Events of a group's membership (PROTOCOL.md, "Groups"): each signed by the one who makes the change, and each naming the hash of
 * the one before it, so that whoever orders them can neither forge one, nor leave one out, nor tell two members different ones
 * without being found out.
 *
 * ```
 * content    MessagePack: { version, number, previous, identityKey, at, change }
 * signature  64 B, Ed25519 (RFC 8032) over `fastchat group event v1` || 0x00 || content
 * ```
 *
 * An event's hash is SHA-256 over `fastchat group event hash v1`, a zero byte and all of these bytes. The hash of a group's first
 * event is its id.
 */
import { primitives } from "#primitives";
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { concatBytes, toHex, writeHex } from "../protocol/bytes.js";
import { pack, unpack } from "../protocol/codec.js";
import { MAX_GROUP_EVENT_BYTES, MAX_GROUP_MEMBERS } from "../protocol/groups.js";
import { readId16, type AccountId, type ConversationId } from "../protocol/ids.js";
import { Binary, Counter } from "../protocol/schema.js";
import { accountIdOf } from "./account-id.js";
import { labelled } from "./fields.js";
import { LABELS } from "./labels.js";
import { verifySignature } from "./signature.js";
import { undecryptable } from "./undecryptable.js";

/** Bytes of an invite's random id. */
export const INVITE_BYTES = 16;

const ID_BYTES = 16;
const SIGNATURE_BYTES = 64;
const HASH_BYTES = 32;

/** What an event changes. Members are named by account ids, which are hashes of identity keys. */
export type GroupChange =
  /** The first event: its signer is the first admin, and no other member among `members`. */
  | { readonly type: "create"; readonly nonce: Uint8Array; readonly members: readonly AccountId[] }
  /** `invite`: the invite that somebody came by, which it counts against; `null` for none. */
  | { readonly type: "add"; readonly members: readonly AccountId[]; readonly invite: Uint8Array | null }
  | { readonly type: "remove" | "promote" | "demote"; readonly members: readonly AccountId[] }
  /** Its signer is no member any more. */
  | { readonly type: "leave" }
  /** So many may be added by that invite from here on; 0 revokes it. */
  | { readonly type: "invite"; readonly invite: Uint8Array; readonly uses: number };

export interface GroupEvent {
  /** Counts a group's events, from 1: the group's epoch once it holds. */
  readonly number: number;
  /** Hash of the event before it, 32 bytes; zeros in the first one. */
  readonly previous: Uint8Array;
  /** Who made it. */
  readonly actor: AccountId;
  /** Milliseconds since 1970, by the actor's clock: to be shown, and never judged by. */
  readonly at: number;
  readonly change: GroupChange;
}

/** An event whose signature was checked, with the bytes that say so. */
export interface SignedGroupEvent extends GroupEvent {
  readonly bytes: Uint8Array;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

/** Ids of accounts, one behind the other. */
const Members = Binary(ID_BYTES, MAX_GROUP_MEMBERS * ID_BYTES);
const InviteId = Binary(INVITE_BYTES, INVITE_BYTES);
const Change = Type.Union([
  Type.Object({
    type: Type.Literal("create"),
    nonce: Binary(16, 16),
    members: Binary(0, (MAX_GROUP_MEMBERS - 1) * ID_BYTES),
  }),
  Type.Object({ type: Type.Literal("add"), members: Members, invite: Type.Union([InviteId, Type.Null()]) }),
  Type.Object({ type: Type.Literal("remove"), members: Members }),
  Type.Object({ type: Type.Literal("promote"), members: Members }),
  Type.Object({ type: Type.Literal("demote"), members: Members }),
  Type.Object({ type: Type.Literal("leave") }),
  Type.Object({
    type: Type.Literal("invite"),
    invite: InviteId,
    uses: Type.Integer({ minimum: 0, maximum: MAX_GROUP_MEMBERS }),
  }),
]);
type Change = Static<typeof Change>;
const Content = Type.Object({
  version: Type.Literal(1),
  number: Type.Integer({ minimum: 1, maximum: 0xffffffff }),
  previous: Binary(HASH_BYTES, HASH_BYTES),
  identityKey: Binary(32, 32),
  at: Counter,
  change: Change,
});
const contents = Compile(Content);

/** Who signs: see identity.ts. */
export interface GroupSigner {
  readonly account: AccountId;
  readonly publicKey: Uint8Array;
  sign(label: string, message: Uint8Array): Promise<Uint8Array>;
}

/** The event's bytes, as its maker hands them to the service. */
export async function signGroupEvent(
  signer: GroupSigner,
  event: Omit<GroupEvent, "actor">,
): Promise<SignedGroupEvent> {
  const { number, previous, at, change } = event;
  const content = pack({
    version: 1,
    number,
    previous,
    identityKey: signer.publicKey,
    at,
    change: packedChange(change),
  } satisfies Static<typeof Content>);
  const bytes = concatBytes(content, await signer.sign(LABELS.groupEventSignature, content));
  return { ...event, actor: signer.account, bytes, hash: await hashOf(bytes) };
}

/**
 * Reads an event and checks its signature. Whether it may follow those before it is membership.ts's to say.
 *
 * @throws FastChatError `undecryptable`, alike for all causes
 */
export async function openGroupEvent(bytes: Uint8Array): Promise<SignedGroupEvent> {
  if (bytes.length <= SIGNATURE_BYTES || bytes.length > MAX_GROUP_EVENT_BYTES) throw undecryptable();
  const content = bytes.subarray(0, -SIGNATURE_BYTES);
  const value = unpackOrNull(content);
  if (!contents.Check(value)) throw undecryptable();
  const { identityKey, number, previous, at } = value;
  const change = openedChange(value.change);
  const signature = bytes.subarray(-SIGNATURE_BYTES);
  if (change === null) throw undecryptable();
  if (!(await verifySignature(identityKey, LABELS.groupEventSignature, content, signature)))
    throw undecryptable();
  const own = new Uint8Array(bytes);
  return {
    number,
    previous: new Uint8Array(previous),
    actor: await accountIdOf(identityKey),
    at,
    change,
    bytes: own,
    hash: await hashOf(own),
  };
}

/** The id of the group that begins with that event. */
export function groupIdOf({ hash }: Pick<SignedGroupEvent, "hash">): ConversationId {
  return toHex(hash) as ConversationId;
}

function hashOf(bytes: Uint8Array): Promise<Uint8Array> {
  return primitives.sha256(labelled(LABELS.groupEventHash, bytes));
}

function packedChange(change: GroupChange): Change {
  return "members" in change ? { ...change, members: packedIds(change.members) } : change;
}

/** @returns `null` for a list of members that is none */
function openedChange(change: Change): GroupChange | null {
  if (!("members" in change)) return change;
  const members = openedIds(change.members);
  return members === null ? null : { ...change, members };
}

function packedIds(accounts: readonly AccountId[]): Uint8Array {
  const bytes = new Uint8Array(accounts.length * ID_BYTES);
  accounts.forEach((account, index) => writeHex(bytes, index * ID_BYTES, account));
  return bytes;
}

/** @returns `null` where bytes are left over, or somebody stands there twice */
function openedIds(bytes: Uint8Array): AccountId[] | null {
  if (bytes.length % ID_BYTES !== 0) return null;
  const ids = Array.from({ length: bytes.length / ID_BYTES }, (_, index) =>
    readId16<AccountId>(bytes, index * ID_BYTES),
  );
  return new Set(ids).size === ids.length ? ids : null;
}

function unpackOrNull(bytes: Uint8Array): unknown {
  try {
    return unpack(bytes);
  } catch {
    return null;
  }
}
