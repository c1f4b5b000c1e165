/**
 * Invite links to groups (PROTOCOL.md, "Invites"). A link is signed by the admin who made it, and carries a secret; whoever wants to
 * come in proves to that admin to have it. The secret is derived from a key that the admin's devices share: none has to keep it.
 *
 * ```
 *   0  u8    version, 1
 *   1  32 B  group
 *  33  16 B  id of the invite, as the group's log counts it
 *  49  u64   when it ends, milliseconds since 1970
 *  57  32 B  the admin's identity key
 *  89  32 B  secret
 * 121  64 B  Ed25519 (RFC 8032) over `fastchat group invite v1` || 0x00 || all before
 * 185
 * ```
 */
import { primitives } from "#primitives";
import { concatBytes, equalBytes, fromBase64Url, fromHex, toBase64Url } from "../protocol/bytes.js";
import { FastChatError } from "../protocol/errors.js";
import { readConversationId, type AccountId, type ConversationId } from "../protocol/ids.js";
import { accountIdOf } from "./account-id.js";
import { labelled } from "./fields.js";
import type { GroupSigner } from "./group-event.js";
import { LABELS } from "./labels.js";
import { verifySignature } from "./signature.js";

const PREFIX = "fastchat-invite:";
const VERSION = 1;
const BYTES = 185;
const AT = { group: 1, invite: 33, until: 49, identityKey: 57, secret: 89, signature: 121 } as const;

/** What a link says of an invite. */
export interface InviteTerms {
  readonly group: ConversationId;
  /** 16 bytes. */
  readonly invite: Uint8Array;
  /** When it ends, in milliseconds since 1970. */
  readonly until: number;
}

export interface OpenedInvite extends InviteTerms {
  /** Who made it, and lets people in. */
  readonly account: AccountId;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/**
 * A link.
 *
 * @param indexKey of the admin's account, 32 bytes: the secret is derived from it
 */
export async function makeInviteLink(
  signer: GroupSigner,
  indexKey: Uint8Array,
  terms: InviteTerms,
): Promise<string> {
  const secret = await inviteSecret(indexKey, terms);
  const content = concatBytes(Uint8Array.of(VERSION), termsBytes(terms), signer.publicKey, secret);
  const signature = await signer.sign(LABELS.groupInviteSignature, content);
  return PREFIX + toBase64Url(concatBytes(content, signature));
}

/** @throws FastChatError `badRequest` for what is no link, or whose signature is not its maker's */
export async function openInviteLink(link: string): Promise<OpenedInvite> {
  const bytes = link.startsWith(PREFIX) ? fromBase64Url(link.slice(PREFIX.length)) : null;
  if (bytes?.length !== BYTES || bytes[0] !== VERSION) throw noInvite();
  const identityKey = bytes.subarray(AT.identityKey, AT.secret);
  const signature = bytes.subarray(AT.signature);
  const content = bytes.subarray(0, AT.signature);
  if (!(await verifySignature(identityKey, LABELS.groupInviteSignature, content, signature)))
    throw noInvite();
  const until = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(AT.until);
  return {
    group: readConversationId(bytes, AT.group),
    invite: bytes.slice(AT.invite, AT.until),
    until: Number(until),
    account: await accountIdOf(identityKey),
    secret: bytes.slice(AT.secret, AT.signature),
  };
}

/**
 * What proves that an account has the link.
 *
 * @param secret of the link, 32 bytes
 * @returns 32 bytes
 */
export function inviteProof(secret: Uint8Array, terms: InviteTerms, joiner: AccountId): Promise<Uint8Array> {
  return primitives.hmacSha256(
    secret,
    labelled(LABELS.groupInviteProof, termsBytes(terms), hexBytes(joiner)),
  );
}

/** Whether a proof is one of an invite that the account with that index key has made. */
export async function isInviteProof(
  indexKey: Uint8Array,
  terms: InviteTerms,
  joiner: AccountId,
  proof: Uint8Array,
): Promise<boolean> {
  return equalBytes(await inviteProof(await inviteSecret(indexKey, terms), terms, joiner), proof);
}

function inviteSecret(indexKey: Uint8Array, terms: InviteTerms): Promise<Uint8Array> {
  return primitives.hmacSha256(indexKey, labelled(LABELS.groupInviteSecret, termsBytes(terms)));
}

function termsBytes({ group, invite, until }: InviteTerms): Uint8Array {
  const end = new Uint8Array(8);
  new DataView(end.buffer).setBigUint64(0, BigInt(until));
  return concatBytes(hexBytes(group), invite, end);
}

function hexBytes(id: string): Uint8Array {
  return fromHex(id) ?? new Uint8Array();
}

function noInvite(): FastChatError {
  return new FastChatError("badRequest", "That is no invite, or not all of it: copy the whole link.");
}
