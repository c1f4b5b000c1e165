/** Control frames: a kind byte, then a MessagePack map with a literal `type`, checked against the schema of that type. */
import { Packr } from "msgpackr";
import type { TSchema, Static } from "typebox";
import { Compile } from "typebox/compile";
import { FastChatError } from "./errors.js";
import { Kind } from "./hot.js";

// Plain maps: msgpackr's records would bind a message to the state of its connection, and to msgpackr.
// No toJSON: that is how secrets hide from logs (redacted.ts), not what goes to a peer or into a vault.
const packr = new Packr({ useRecords: false, int64AsType: "number", mapsAsObjects: true, useToJSON: false });

/** MessagePack bytes of a value. The bytes are the caller's own. */
export function pack(value: unknown): Uint8Array {
  return packr.pack(value).slice();
}

/**
 * The value of MessagePack bytes, still unknown.
 *
 * @throws FastChatError `badFrame` on anything that is not exactly one MessagePack value
 */
export function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes) as unknown;
  } catch (cause) {
    throw new FastChatError("badFrame", "The body of a frame is not MessagePack.", undefined, { cause });
  }
}

export interface Codec<T> {
  /** A whole frame's content: the kind byte and the packed message. */
  encode(message: T): Uint8Array;
  /** @throws FastChatError `badFrame`, naming the field at fault */
  decode(frame: Uint8Array): T;
}

/** Makes the codec of a union of control messages; the schema is the union's. */
export function controlCodec<S extends TSchema>(schema: S): Codec<Static<S>> {
  const validator = Compile(schema);
  return {
    encode(message) {
      const body = packr.pack(message);
      const frame = new Uint8Array(1 + body.length);
      frame[0] = Kind.control;
      frame.set(body, 1);
      return frame;
    },
    decode(frame) {
      if (frame[0] !== Kind.control) throw new FastChatError("badFrame", "A control frame was expected.");
      const message = unpack(frame.subarray(1));
      if (!validator.Check(message)) {
        const [first] = validator.Errors(message);
        const where = first === undefined ? "" : ` at ${first.instancePath || "its root"}: ${first.message}`;
        throw new FastChatError("badFrame", `A control message is not of its form${where}.`);
      }
      return message;
    },
  };
}
