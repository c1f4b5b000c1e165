/**
 * What a PostgreSQL client sends (PostgreSQL documentation, "Frontend/Backend Protocol", "Message Formats"): bytes in,
 * messages out; no socket.
 */
import { FastChatError } from "../../protocol/errors.js";

/** First byte of each message that a client may send once it is greeted. */
export const Frontend = {
  bind: 0x42,
  close: 0x43,
  copyData: 0x64,
  copyDone: 0x63,
  copyFail: 0x66,
  describe: 0x44,
  execute: 0x45,
  flush: 0x48,
  parse: 0x50,
  query: 0x51,
  sync: 0x53,
  terminate: 0x58,
} as const;
export type FrontendType = (typeof Frontend)[keyof typeof Frontend];

const TYPES: ReadonlySet<number> = new Set(Object.values(Frontend));

export type FrontendMessage =
  /** SSLRequest or GSSENCRequest; the client waits for one byte. */
  | { readonly kind: "encryption" }
  /** CancelRequest; nothing else comes on that connection. */
  | { readonly kind: "cancel" }
  | {
      readonly kind: "startup";
      readonly major: number;
      readonly minor: number;
      readonly parameters: ReadonlyMap<string, string>;
    }
  /** `bytes` is the whole message with type and length. */
  | { readonly kind: "message"; readonly type: FrontendType; readonly bytes: Uint8Array };

/** The largest greeting that is read, as in PostgreSQL. */
const MAX_GREETING_BYTES = 10_000;

const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;
const GSSENC_REQUEST = 80877104;

/**
 * Splits what one client sends into messages.
 *
 * A declared length is checked before anything is kept for it. A message that lies whole within one chunk is a view on
 * that chunk.
 */
export class FrontendSplitter {
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #greeted = false;
  /** Bytes that must be there before the next step: a header, and once that was read the whole message. */
  #need = 4;
  #headerRead = false;

  /** @param maxMessageBytes the largest message taken, its type and length included */
  constructor(private readonly maxMessageBytes: number) {}

  /** Bytes kept of a message that is not whole yet. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Takes a chunk and calls `onMessage` with every message that it completes, in order.
   *
   * @throws FastChatError `badFrame` on what is no such message, `tooLarge` on one over the limit; the stream cannot be
   * read on after either
   */
  push(chunk: Uint8Array, onMessage: (message: FrontendMessage) => void): void {
    if (chunk.length === 0) return;
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    while (this.#heldBytes >= this.#need) {
      if (this.#headerRead) {
        const bytes = this.#take(this.#need);
        const message: FrontendMessage = this.#greeted ? typed(bytes) : greeting(bytes);
        if (message.kind === "startup") this.#greeted = true;
        this.#headerRead = false;
        this.#need = this.#greeted ? 5 : 4;
        onMessage(message);
      } else {
        this.#need = this.#declaredBytes(this.#peek(this.#need));
        this.#headerRead = true;
      }
    }
  }

  #declaredBytes(header: Uint8Array): number {
    const lengthAt = this.#greeted ? 1 : 0;
    if (this.#greeted && !TYPES.has(header[0] as number)) {
      throw new FastChatError("badFrame", `Message type ${header[0]} is not taken here.`);
    }
    const length = viewOf(header).getUint32(lengthAt);
    const smallest = this.#greeted ? 4 : 8;
    if (length < smallest) throw new FastChatError("badFrame", `A message of ${length} bytes is too short.`);
    const largest = this.#greeted ? this.maxMessageBytes - 1 : MAX_GREETING_BYTES;
    if (length > largest) {
      throw new FastChatError(
        "tooLarge",
        `A message of ${length} bytes was announced; at most ${largest} are taken.`,
      );
    }
    return lengthAt + length;
  }

  /** The first bytes of what is held, which stay held. */
  #peek(count: number): Uint8Array {
    const first = this.#held[0] as Uint8Array;
    if (first.length >= count) return first.subarray(0, count);
    // Few bytes in tiny pieces: joined once, so that a message that trickles in is not joined anew for each of them.
    const whole = Buffer.concat(this.#held, this.#heldBytes);
    this.#held = [whole];
    return whole.subarray(0, count);
  }

  #take(count: number): Uint8Array {
    const first = this.#held[0] as Uint8Array;
    const whole = first.length >= count ? first : Buffer.concat(this.#held, this.#heldBytes);
    const rest = whole.subarray(count);
    this.#held =
      whole === first && this.#held.length > 1
        ? [rest, ...this.#held.slice(1)]
        : rest.length > 0
          ? [rest]
          : [];
    this.#heldBytes -= count;
    return whole.subarray(0, count);
  }
}

function typed(bytes: Uint8Array): FrontendMessage {
  return { kind: "message", type: bytes[0] as FrontendType, bytes };
}

function greeting(bytes: Uint8Array): FrontendMessage {
  const code = viewOf(bytes).getUint32(4);
  switch (code) {
    case SSL_REQUEST:
    case GSSENC_REQUEST:
      return { kind: "encryption" };
    case CANCEL_REQUEST:
      return { kind: "cancel" };
    default:
      return {
        kind: "startup",
        major: code >>> 16,
        minor: code & 0xffff,
        parameters: readParameters(bytes.subarray(8)),
      };
  }
}

/** Names and values, each ended by a zero byte, and one more zero byte. */
function readParameters(bytes: Uint8Array): Map<string, string> {
  const texts = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8").split("\0");
  const parameters = new Map<string, string>();
  for (let i = 0; i + 1 < texts.length && texts[i] !== ""; i += 2) {
    parameters.set(texts[i] as string, texts[i + 1] as string);
  }
  return parameters;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
