/** Messages of the laboratory: `send` frames with random bytes for an envelope, since servers never look inside. */
import { randomBytes } from "node:crypto";
import { writeHex } from "../../src/protocol/bytes.js";
import { ENTRY_PREFIX_BYTES, HOT_HEADER_BYTES, Kind, encodeSend } from "../../src/protocol/hot.js";
import type { AccountId, ConversationId, MessageId } from "../../src/protocol/ids.js";

/** Bytes of a key that RSA with 2,048 bits has wrapped. */
export const WRAPPED_KEY_BYTES = 256;
const MESSAGE_AT = 8;
/** Random bits of the id, for all that others can tell. */
const MARK_AT = MESSAGE_AT + 14;
const ENVELOPE_AT = HOT_HEADER_BYTES + ENTRY_PREFIX_BYTES + WRAPPED_KEY_BYTES;
/** Version 7 and variant of RFC 9562, where they stand in an id. */
const VERSION_7 = 0x70;
const VARIANT = 0x80;

/** One sender's messages. Their ids grow with time, as clients make them: a UUID of version 7. */
export class MessageMaker {
  readonly #frame: Buffer;
  #lastMs = 0;
  #count = 0;

  /** @param size bytes of an envelope, at least 8 */
  constructor(sender: AccountId, size: number) {
    this.#frame = Buffer.from(
      encodeSend(Kind.send, {
        epoch: 0,
        message: randomBytes(16).toString("hex") as MessageId,
        account: sender,
        conversation: randomBytes(32).toString("hex") as ConversationId,
        keys: [{ recipient: sender, key: randomBytes(WRAPPED_KEY_BYTES) }],
        envelope: randomBytes(size),
      }),
    );
  }

  /**
   * The next message.
   *
   * @param number stands at the start of the envelope, see {@link numberOf}
   * @param mark u16 that stands in the message's id, see {@link markOf}
   * @returns a frame that is overwritten by the next one
   */
  next(recipient: AccountId, number: number, mark = 0): Buffer {
    const frame = this.#frame;
    const now = Date.now();
    if (now > this.#lastMs) {
      this.#lastMs = now;
      this.#count = 0;
    } else if (++this.#count > 0xfff) {
      this.#lastMs++;
      this.#count = 0;
    }
    frame.writeUIntBE(this.#lastMs, MESSAGE_AT, 6);
    frame[MESSAGE_AT + 6] = VERSION_7 | (this.#count >> 8);
    frame[MESSAGE_AT + 7] = this.#count & 255;
    frame[MESSAGE_AT + 8] = VARIANT | ((frame[MESSAGE_AT + 8] as number) & 0x3f);
    frame.writeUInt16BE(mark, MARK_AT);
    writeHex(frame, HOT_HEADER_BYTES, recipient);
    frame.writeDoubleBE(number, ENVELOPE_AT);
    return frame;
  }
}

/** The number that its sender gave a message, from its envelope. */
export function numberOf(envelope: Uint8Array): number {
  return new DataView(envelope.buffer, envelope.byteOffset).getFloat64(0);
}

/** The mark that a message's sender put into its id, from a frame about it: what is on the way is found by it. */
export function markOf(frame: Uint8Array): number {
  return ((frame[MARK_AT] as number) << 8) | (frame[MARK_AT + 1] as number);
}
