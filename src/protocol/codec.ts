/** Control frames: a kind byte, then a MessagePack map with a literal `type`, checked against the schema of that type. */
// Its part in JavaScript: the package's main entry hands strings to native code, on the platforms that have it.
import { Packr } from "msgpackr/pack";
import type { Static, TLiteral, TObject, TUnion } from "#typebox";
import { Compile } from "#typebox/compile";
import { FastChatError } from "./errors.js";
import { Kind } from "./hot.js";
import { isPlainMessagePack } from "./plain-msgpack.js";

// Plain maps: msgpackr's records would bind a message to the state of its connection, and to msgpackr.
// No toJSON: that is how secrets hide from logs (redacted.ts), not what goes to a peer or into a vault.
const packr = new Packr({ useRecords: false, int64AsType: "number", mapsAsObjects: true, useToJSON: false });

/** MessagePack bytes of a value, in memory of their own: msgpackr's results are views on what it fills next. */
export function pack(value: unknown): Uint8Array<ArrayBuffer> {
  return new Uint8Array(packr.pack(value));
}

/**
 * The value of MessagePack bytes, still unknown. Binary in it is a view on `bytes`.
 *
 * @throws FastChatError `badFrame` on anything that is not exactly one MessagePack value without extensions
 */
export function unpack(bytes: Uint8Array): unknown {
  if (!isPlainMessagePack(bytes)) throw notMessagePack();
  try {
    // A view of its own: msgpackr leaves a property on the array it reads.
    return packr.unpack(bytes.subarray()) as unknown;
  } catch (cause) {
    throw notMessagePack(cause);
  }
}

function notMessagePack(cause?: unknown): FastChatError {
  const options = cause === undefined ? undefined : { cause };
  return new FastChatError("badFrame", "The body of a frame is not MessagePack.", undefined, options);
}

export interface Codec<T> {
  /** A whole frame's content: the kind byte and the packed message. */
  encode(message: T): Uint8Array;
  /** @throws FastChatError `badFrame`, naming the field at fault */
  decode(frame: Uint8Array): T;
}

/** Makes the codec of a union of control messages, each an object with a literal `type` of its own. */
export function controlCodec<S extends TUnion<TObject[]>>(schema: S): Codec<Static<S>> {
  // One validator a type, not one for the union: that would answer with what every other type lacks.
  const validators = new Map(
    schema.anyOf.map((message) => [(message.properties["type"] as TLiteral<string>).const, Compile(message)]),
  );
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
      const validator = validators.get(typeOf(message) as string);
      if (validator === undefined)
        throw new FastChatError("badFrame", "A control message is of no known type.");
      if (!validator.Check(message)) {
        const [first] = validator.Errors(message);
        const where = first === undefined ? "" : ` at ${first.instancePath || "its root"}: ${first.message}`;
        throw new FastChatError("badFrame", `A control message is not of its form${where}.`);
      }
      return message as Static<S>;
    },
  };
}

function typeOf(message: unknown): unknown {
  return typeof message === "object" && message !== null && "type" in message ? message.type : undefined;
}
