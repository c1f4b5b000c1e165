/**
 * The envelope's header: readable by those who carry it, signed by its sender.
 *
 * ```
 *   0  u8    suite, 1
 *   1  16 B  message id
 *  17  32 B  conversation id
 *  49  16 B  sender's account id
 *  65  16 B  sending device
 *  81  u32   running number of that device in that conversation
 *  85  u64   time of sending, milliseconds since 1970
 *  93  u32   epoch of the group; 0 between two people
 *  97  32 B  hash of the group's newest event; zeros between two people
 * 129  32 B  commitment to the Fernet key
 * 161
 * ```
 */
import { writeHex } from "../protocol/bytes.js";
import {
  readConversationId,
  readId16,
  type AccountId,
  type ConversationId,
  type DeviceId,
  type MessageId,
} from "../protocol/ids.js";

export const ENVELOPE_HEADER_BYTES = 161;
/** The head of a conversation between two people. */
export const NO_HEAD: Uint8Array = new Uint8Array(32);

const LENGTH_BYTES = 2;
const SUITE = 1;
const AT = {
  message: 1,
  conversation: 17,
  sender: 49,
  device: 65,
  sequence: 81,
  sentAt: 85,
  epoch: 93,
  head: 97,
  commitment: 129,
} as const;

export interface EnvelopeHeader {
  readonly suite: 1;
  readonly message: MessageId;
  readonly conversation: ConversationId;
  readonly sender: AccountId;
  readonly device: DeviceId;
  /** Running number of the sending device in that conversation; an unsigned 32-bit integer. */
  readonly sequence: number;
  /** Milliseconds since 1970, by the sender's clock. */
  readonly sentAt: number;
  /** Of the group; 0 between two people. An unsigned 32-bit integer. */
  readonly epoch: number;
  /** Hash of the group's newest event, 32 bytes; zeros between two people. */
  readonly head: Uint8Array;
  /** 32 bytes. */
  readonly commitment: Uint8Array;
}

/** The header's bytes, without the length in front. @throws RangeError on a field that does not fit */
export function encodeEnvelopeHeader(header: EnvelopeHeader): Uint8Array<ArrayBuffer> {
  const { sequence, sentAt, epoch, head, commitment } = header;
  const fits = isUnsigned(sequence, 0xffffffff) && isUnsigned(epoch, 0xffffffff);
  if (
    !fits ||
    !isUnsigned(sentAt, Number.MAX_SAFE_INTEGER) ||
    head.length !== 32 ||
    commitment.length !== 32
  ) {
    throw new RangeError("a field of an envelope's header does not fit");
  }
  const bytes = new Uint8Array(ENVELOPE_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = SUITE;
  writeHex(bytes, AT.message, header.message);
  writeHex(bytes, AT.conversation, header.conversation);
  writeHex(bytes, AT.sender, header.sender);
  writeHex(bytes, AT.device, header.device);
  view.setUint32(AT.sequence, sequence);
  view.setBigUint64(AT.sentAt, BigInt(sentAt));
  view.setUint32(AT.epoch, epoch);
  bytes.set(head, AT.head);
  bytes.set(commitment, AT.commitment);
  return bytes;
}

/**
 * Reads the header of an envelope. **Nothing is verified**: whoever carried the envelope may have written it.
 *
 * @param envelope the whole envelope; its length in front says how long the header is
 * @returns `null` where it is no envelope of a suite that is known here
 */
export function readEnvelopeHeader(envelope: Uint8Array): EnvelopeHeader | null {
  const length = ((envelope[0] ?? 0) << 8) | (envelope[1] ?? 0);
  if (length !== ENVELOPE_HEADER_BYTES || envelope.length < LENGTH_BYTES + length) return null;
  return decodeEnvelopeHeader(envelope.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
}

/** The header of bytes that {@link encodeEnvelopeHeader} made; `null` for others. Nothing is verified. */
export function decodeEnvelopeHeader(bytes: Uint8Array): EnvelopeHeader | null {
  if (bytes.length !== ENVELOPE_HEADER_BYTES || bytes[0] !== SUITE) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const sentAt = Number(view.getBigUint64(AT.sentAt));
  if (!isUnsigned(sentAt, Number.MAX_SAFE_INTEGER)) return null;
  return {
    suite: SUITE,
    message: readId16(bytes, AT.message),
    conversation: readConversationId(bytes, AT.conversation),
    sender: readId16(bytes, AT.sender),
    device: readId16(bytes, AT.device),
    sequence: view.getUint32(AT.sequence),
    sentAt,
    epoch: view.getUint32(AT.epoch),
    head: bytes.slice(AT.head, AT.head + 32),
    commitment: bytes.slice(AT.commitment, AT.commitment + 32),
  };
}

function isUnsigned(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
