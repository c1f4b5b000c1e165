/**
 * The hot kinds of frame (PROTOCOL.md, "Hot frames"): a fixed header that is all a server needs, then a body.
 *
 * ```
 *  0  u8   kind
 *  1  u8   flags            none are defined yet; 0
 *  2  u16  count            entries in the body
 *  4  u32  epoch            of the group; 0 between two people
 *  8  16 B message id
 * 24  16 B account          the sender of the message
 * 40  32 B conversation id
 * 72       body
 * ```
 *
 * `send` and `deliver` share one body: `count` entries of (recipient 16 B, u16 length, wrapped key), then the
 * envelope. A `deliver` names exactly one recipient, so that a direct message travels as the same bytes throughout
 * but for its first. `accepted` carries `count` entries of (recipient 16 B, u8 outcome). `ack` has no body.
 */
import { writeHex } from "./bytes.js";
import { FastChatError, type ErrorCode } from "./errors.js";
import { readConversationId, readId16, type AccountId, type ConversationId, type MessageId } from "./ids.js";

/** First byte of a frame. Kinds below 0x10 carry a MessagePack body and no further header. */
export const Kind = { control: 0x01, send: 0x10, accepted: 0x11, deliver: 0x12, ack: 0x13 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export const HOT_HEADER_BYTES = 72;
/** Bytes of one recipient's entry before its wrapped key. */
export const ENTRY_PREFIX_BYTES = 18;
/** Bytes of one recipient's entry in `accepted`. */
export const OUTCOME_ENTRY_BYTES = 17;

const AT = { count: 2, epoch: 4, message: 8, account: 24, conversation: 40 } as const;

/** How a recipient of a message was settled. Values from 16 on are final refusals. */
export const Outcome = {
  stored: 1,
  acknowledged: 2,
  noSuchAccount: 16,
  queueFull: 17,
  /** Sender or recipient is no member of the group, or there is none. */
  notMember: 18,
  /** The group's membership is another one by now: its newest events say what to encrypt for. */
  staleEpoch: 19,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

const OUTCOMES = new Set<number>(Object.values(Outcome));

export function isRefusal(outcome: Outcome): boolean {
  return outcome >= 16;
}

/** The error code that stands for a refusal. */
export function refusalCode(outcome: Outcome): ErrorCode {
  switch (outcome) {
    case Outcome.noSuchAccount:
      return "noSuchAccount";
    case Outcome.queueFull:
      return "queueFull";
    case Outcome.notMember:
      return "forbidden";
    case Outcome.staleEpoch:
      return "conflict";
    default:
      return "internal";
  }
}

export interface HotHeader {
  readonly epoch: number;
  readonly message: MessageId;
  /** The sender of the message. */
  readonly account: AccountId;
  readonly conversation: ConversationId;
}

export interface WrappedKey {
  readonly recipient: AccountId;
  /** The message's Fernet key, wrapped for this recipient. */
  readonly key: Uint8Array;
}

/** A message on its way: what `send` and `deliver` carry. */
export interface SendFrame extends HotHeader {
  readonly keys: readonly WrappedKey[];
  readonly envelope: Uint8Array;
}

export interface AcceptedFrame extends HotHeader {
  readonly recipients: readonly { readonly recipient: AccountId; readonly outcome: Outcome }[];
}

/** Kind of a frame; `null` for one that this version does not know. */
export function frameKind(frame: Uint8Array): Kind | null {
  switch (frame[0]) {
    case Kind.control:
    case Kind.send:
    case Kind.accepted:
    case Kind.deliver:
    case Kind.ack:
      return frame[0];
    default:
      return null;
  }
}

export function frameCount(frame: Uint8Array): number {
  return ((frame[AT.count] as number) << 8) | (frame[AT.count + 1] as number);
}

export function frameMessage(frame: Uint8Array): MessageId {
  return readId16(frame, AT.message);
}

/** The account in the header: the sender of the message. */
export function frameAccount(frame: Uint8Array): AccountId {
  return readId16(frame, AT.account);
}

/** Of the group that a message is to; 0 between two people. */
export function frameEpoch(frame: Uint8Array): number {
  const at = AT.epoch;
  return (
    (((frame[at] as number) << 24) |
      ((frame[at + 1] as number) << 16) |
      ((frame[at + 2] as number) << 8) |
      (frame[at + 3] as number)) >>>
    0
  );
}

export function frameConversation(frame: Uint8Array): ConversationId {
  return readConversationId(frame, AT.conversation);
}

/** The recipient of a frame that is known to have exactly one. */
export function soleRecipient(frame: Uint8Array): AccountId {
  return readId16(frame, HOT_HEADER_BYTES);
}

/** Whether a frame of a hot kind has its whole header. */
export function hasHotHeader(frame: Uint8Array): boolean {
  return frame.length >= HOT_HEADER_BYTES;
}

/** Where a recipient's entry starts, its key starts and it ends, in bytes from the frame's start. */
export interface EntrySpan {
  readonly recipient: AccountId;
  readonly start: number;
  readonly end: number;
}

/**
 * The recipients' entries of a `send` or `deliver` frame.
 *
 * @returns the spans in order; the envelope begins where the last one ends
 * @throws FastChatError `badFrame` where entries do not fit in the frame, or the envelope is empty
 */
export function entrySpans(frame: Uint8Array): EntrySpan[] {
  const count = frameCount(frame);
  const spans: EntrySpan[] = [];
  let start = HOT_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const keyStart = start + ENTRY_PREFIX_BYTES;
    if (keyStart > frame.length) throw truncated();
    const end = keyStart + (((frame[keyStart - 2] as number) << 8) | (frame[keyStart - 1] as number));
    if (end > frame.length) throw truncated();
    spans.push({ recipient: readId16(frame, start), start, end });
    start = end;
  }
  if (count === 0 || start >= frame.length) throw truncated();
  return spans;
}

function truncated(): FastChatError {
  return new FastChatError("badFrame", "A frame ends before what it announces, or names nobody.");
}

/**
 * A `send` or `deliver` frame, without length field.
 *
 * @throws FastChatError `tooLarge` for more recipients, or a longer key, than their fields of 16 bits can tell
 */
export function encodeSend(
  kind: typeof Kind.send | typeof Kind.deliver,
  message: SendFrame,
): Uint8Array<ArrayBuffer> {
  let length = HOT_HEADER_BYTES + message.envelope.length;
  if (message.keys.length > 0xffff) throw new FastChatError("tooLarge", "A message has too many recipients.");
  for (const { key } of message.keys) {
    if (key.length > 0xffff) throw new FastChatError("tooLarge", "A wrapped key is too long.");
    length += ENTRY_PREFIX_BYTES + key.length;
  }
  const frame = encodeHeader(length, kind, message.keys.length, message);
  let offset = HOT_HEADER_BYTES;
  for (const { recipient, key } of message.keys) {
    writeHex(frame, offset, recipient);
    frame[offset + 16] = key.length >> 8;
    frame[offset + 17] = key.length & 255;
    frame.set(key, offset + ENTRY_PREFIX_BYTES);
    offset += ENTRY_PREFIX_BYTES + key.length;
  }
  frame.set(message.envelope, offset);
  return frame;
}

/** @throws FastChatError `badFrame` */
export function decodeSend(frame: Uint8Array): SendFrame {
  if (!hasHotHeader(frame)) throw truncated();
  const spans = entrySpans(frame);
  return {
    ...decodeHeader(frame),
    keys: spans.map(({ recipient, start, end }) => ({
      recipient,
      key: frame.subarray(start + ENTRY_PREFIX_BYTES, end),
    })),
    envelope: frame.subarray((spans[spans.length - 1] as EntrySpan).end),
  };
}

/** The `accepted` frame that answers a `send` frame: its header, and how each recipient was settled. */
export function encodeOutcomes(
  send: Uint8Array,
  recipients: AcceptedFrame["recipients"],
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HOT_HEADER_BYTES + recipients.length * OUTCOME_ENTRY_BYTES);
  frame.set(send.subarray(0, HOT_HEADER_BYTES));
  frame[0] = Kind.accepted;
  frame[AT.count] = recipients.length >> 8;
  frame[AT.count + 1] = recipients.length & 255;
  let offset = HOT_HEADER_BYTES;
  for (const { recipient, outcome } of recipients) {
    writeHex(frame, offset, recipient);
    frame[offset + 16] = outcome;
    offset += OUTCOME_ENTRY_BYTES;
  }
  return frame;
}

/** @throws FastChatError `badFrame` */
export function decodeAccepted(frame: Uint8Array): AcceptedFrame {
  const count = hasHotHeader(frame) ? frameCount(frame) : -1;
  if (frame.length !== HOT_HEADER_BYTES + count * OUTCOME_ENTRY_BYTES) throw truncated();
  const recipients: { recipient: AccountId; outcome: Outcome }[] = [];
  for (let offset = HOT_HEADER_BYTES; offset < frame.length; offset += OUTCOME_ENTRY_BYTES) {
    const outcome = frame[offset + 16] as number;
    if (!OUTCOMES.has(outcome)) throw new FastChatError("badFrame", `Outcome ${outcome} is not known.`);
    recipients.push({ recipient: readId16(frame, offset), outcome: outcome as Outcome });
  }
  return { ...decodeHeader(frame), recipients };
}

/** An acknowledgement of the message that `header` names; `header.account` is the message's sender. */
export function encodeAck(header: HotHeader): Uint8Array<ArrayBuffer> {
  return encodeHeader(HOT_HEADER_BYTES, Kind.ack, 0, header);
}

/** @throws FastChatError `badFrame` */
export function decodeHeader(frame: Uint8Array): HotHeader {
  if (!hasHotHeader(frame)) throw truncated();
  return {
    epoch: frameEpoch(frame),
    message: frameMessage(frame),
    account: frameAccount(frame),
    conversation: frameConversation(frame),
  };
}

function encodeHeader(length: number, kind: Kind, count: number, header: HotHeader): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(length);
  frame[0] = kind;
  frame[AT.count] = count >> 8;
  frame[AT.count + 1] = count & 255;
  new DataView(frame.buffer).setUint32(AT.epoch, header.epoch);
  writeHex(frame, AT.message, header.message);
  writeHex(frame, AT.account, header.account);
  writeHex(frame, AT.conversation, header.conversation);
  return frame;
}
