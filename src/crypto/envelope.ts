/**
 * Envelopes of suite 1 (PROTOCOL.md, "Envelopes"): what the sender encrypts once and signs, and the key of it wrapped
 * for each recipient.
 *
 * ```
 *   0  u16   length of the header
 *   2        header, see envelope-header.ts
 *      64 B  Ed25519 over label || 0x00 || header || SHA-256(token)
 *            Fernet token of the padded payload
 * ```
 *
 * A wrapped key is RSA-OAEP-SHA256 of the Fernet key with SHA-256(header) as its label. Not promised in this suite:
 * forward secrecy and post-compromise security.
 */
import { primitives } from "#primitives";
import { concatBytes, equalBytes } from "../protocol/bytes.js";
import { FastChatError } from "../protocol/errors.js";
import type { HotHeader, WrappedKey } from "../protocol/hot.js";
import type { AccountId, ConversationId, DeviceId, MessageId } from "../protocol/ids.js";
import { decodePayload, encodePayload, type Payload } from "../protocol/payload.js";
import type { VerifiedCard } from "./card.js";
import { directConversation } from "./conversation.js";
import {
  ENVELOPE_HEADER_BYTES,
  encodeEnvelopeHeader,
  NO_HEAD,
  readEnvelopeHeader,
  type EnvelopeHeader,
} from "./envelope-header.js";
import { decryptFernet, encryptFernet, FERNET_KEY_BYTES, newFernetKey } from "./fernet.js";
import { labelled } from "./fields.js";
import type { Identity } from "./identity.js";
import { LABELS } from "./labels.js";
import { pad, unpad } from "./padding.js";
import { ED25519_SIGNATURE_BYTES, type RsaPrivateKey, type RsaPublicKey } from "./primitives/types.js";
import { verifySignature } from "./signature.js";
import { undecryptable } from "./undecryptable.js";

const HEADER_AT = 2;
const SIGNATURE_AT = HEADER_AT + ENVELOPE_HEADER_BYTES;
const TOKEN_AT = SIGNATURE_AT + ED25519_SIGNATURE_BYTES;

export interface EnvelopeInput {
  readonly message: MessageId;
  readonly conversation: ConversationId;
  /** The sending device. */
  readonly device: DeviceId;
  /** The sending device's running number in that conversation, from 1. */
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly sentAt: number;
  /** Of the group; 0 between two people. */
  readonly epoch: number;
  /** Hash of the group's newest event, 32 bytes; left out between two people. */
  readonly head?: Uint8Array;
  readonly payload: Payload;
  /** Each at most once. */
  readonly recipients: readonly VerifiedCard[];
  readonly identity: Identity;
}

/**
 * Encrypts a payload once under a fresh Fernet key, signs it, and wraps the key for every recipient.
 *
 * @returns the envelope, its header, and the wrapped keys in the order of the recipients
 * @throws FastChatError `tooLarge` or `badRequest` where the payload is not one that may be sent
 */
export async function sealEnvelope(
  input: EnvelopeInput,
): Promise<{ header: EnvelopeHeader; envelope: Uint8Array<ArrayBuffer>; keys: WrappedKey[] }> {
  const { identity, recipients, sentAt } = input;
  if (recipients.length === 0 || new Set(recipients.map(({ account }) => account)).size < recipients.length) {
    throw new FastChatError("badRequest", "A message needs recipients, each named once.");
  }
  const payload = encodePayload(input.payload);
  const key = newFernetKey();
  const header: EnvelopeHeader = {
    suite: 1,
    message: input.message,
    conversation: input.conversation,
    sender: identity.account,
    device: input.device,
    sequence: input.sequence,
    sentAt,
    epoch: input.epoch,
    head: input.head ?? NO_HEAD,
    commitment: await commitmentTo(key),
  };
  const headerBytes = encodeEnvelopeHeader(header);
  const token = await encryptFernet(key, pad(payload), Math.floor(sentAt / 1000));
  const signature = await identity.sign(LABELS.envelopeSignature, await signedBytes(headerBytes, token));
  const length = Uint8Array.of(headerBytes.length >> 8, headerBytes.length & 255);
  const label = await primitives.sha256(headerBytes);
  const keys: WrappedKey[] = [];
  for (const recipient of recipients) {
    const wrapped = await primitives.rsa.encrypt(await importedKey(recipient), label, key);
    keys.push({ recipient: recipient.account, key: wrapped });
  }
  return { header, envelope: concatBytes(length, headerBytes, signature, token), keys };
}

/** Beside the cards, not in them: a card stays plain data, and its imported key goes when the card goes. */
const importedKeys = new WeakMap<VerifiedCard, RsaPublicKey>();

async function importedKey(card: VerifiedCard): Promise<RsaPublicKey> {
  const kept = importedKeys.get(card);
  if (kept !== undefined) return kept;
  const key = await primitives.rsa.importPublicKey(card.encryptionKey);
  if (key === null) throw undecryptable();
  importedKeys.set(card, key);
  return key;
}

export interface OpenEnvelopeInput {
  readonly envelope: Uint8Array;
  /** The key from the frame, wrapped for `recipient`. */
  readonly wrappedKey: Uint8Array;
  /** The header of the frame that brought it: it must say what the envelope says. */
  readonly frame: HotHeader;
  /** The sender's card, pinned. */
  readonly sender: VerifiedCard;
  /** The account that opens it. */
  readonly recipient: AccountId;
  /** That account's encryption keys, newest first. */
  readonly privateKeys: readonly RsaPrivateKey[];
}

export interface OpenedEnvelope {
  readonly header: EnvelopeHeader;
  readonly payload: Payload;
  /** The payload as its sender encrypted it. */
  readonly bytes: Uint8Array;
}

/**
 * Opens an envelope: first the frame against the header, then the signature, then the key and its commitment, last the
 * token. An envelope that names no group must be of the conversation between `sender` and `recipient`, so that nobody
 * can pass on what was written to him as written to somebody else; whether both were members of a group that it does
 * name, at the head that it names, the caller has checked.
 *
 * @throws FastChatError `undecryptable`, alike for all causes
 */
export async function openEnvelope(input: OpenEnvelopeInput): Promise<OpenedEnvelope> {
  const header = readEnvelopeHeader(input.envelope);
  if (header === null || !(await isFromSender(input, header))) throw undecryptable();
  const label = await primitives.sha256(headerOf(input.envelope));
  const token = input.envelope.subarray(TOKEN_AT);
  for (const privateKey of input.privateKeys) {
    const key = await primitives.rsa.decrypt(privateKey, label, input.wrappedKey);
    if (key === null || key.length !== FERNET_KEY_BYTES) continue;
    if (!equalBytes(await commitmentTo(key), header.commitment)) break;
    const padded = await decryptFernet(key, token);
    const bytes = padded === null ? null : unpad(padded);
    if (bytes !== null) return { header, payload: payloadOf(bytes), bytes };
    break;
  }
  throw undecryptable();
}

/** Whether frame, header, conversation, sender and signature fit together. */
async function isFromSender(input: OpenEnvelopeInput, header: EnvelopeHeader): Promise<boolean> {
  const { envelope, frame, sender, recipient } = input;
  const asFramed =
    header.message === frame.message &&
    header.conversation === frame.conversation &&
    header.sender === frame.account &&
    header.epoch === frame.epoch;
  if (!asFramed || header.sender !== sender.account) return false;
  if (
    equalBytes(header.head, NO_HEAD) &&
    (header.epoch !== 0 || header.conversation !== (await directConversation(sender.account, recipient)))
  ) {
    return false;
  }
  const signed = await signedBytes(headerOf(envelope), envelope.subarray(TOKEN_AT));
  const signature = envelope.subarray(SIGNATURE_AT, TOKEN_AT);
  return verifySignature(sender.identityKey, LABELS.envelopeSignature, signed, signature);
}

function headerOf(envelope: Uint8Array): Uint8Array {
  return envelope.subarray(HEADER_AT, SIGNATURE_AT);
}

async function signedBytes(header: Uint8Array, token: Uint8Array): Promise<Uint8Array> {
  return concatBytes(header, await primitives.sha256(token));
}

/** Binds the header to one key: without it a sender could give recipients keys that open one token differently. */
function commitmentTo(key: Uint8Array): Promise<Uint8Array> {
  return primitives.sha256(labelled(LABELS.envelopeKeyCommitment, key));
}

function payloadOf(bytes: Uint8Array): Payload {
  try {
    return decodePayload(bytes);
  } catch {
    throw undecryptable();
  }
}
