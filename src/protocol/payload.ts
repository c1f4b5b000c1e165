/**
 * What people write to each other (PROTOCOL.md, "Payloads"): MessagePack inside the encryption. A payload of a type
 * that this release does not know is no error: it is kept as it came and shown as what it is.
 */
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { pack, unpack } from "./codec.js";
import { FastChatError } from "./errors.js";
import { redacted } from "./redacted.js";
import {
  AccountIdSchema,
  Binary,
  ConversationIdSchema,
  Counter,
  DeviceIdSchema,
  MessageIdSchema,
  RunningNumber,
} from "./schema.js";

/** The longest text, in bytes of UTF-8. */
export const MAX_TEXT_BYTES = 64 * 1024;
/** The largest encoded payload: a text, and room for what stands beside it. */
export const MAX_PAYLOAD_BYTES = MAX_TEXT_BYTES + 4096;
/** The longest title of a group, in bytes of UTF-8. */
export const MAX_TITLE_BYTES = 512;
/** The longest name of a file, in bytes of UTF-8. */
export const MAX_FILE_NAME_BYTES = 255;

const encoder = new TextEncoder();

function Text(minBytes: number, maxBytes: number) {
  return Type.Refine(
    Type.String(),
    (text) => {
      // A text of so many UTF-16 units has at least as many bytes: no need to encode a huge one.
      if (text.length > maxBytes) return false;
      const bytes = encoder.encode(text).length;
      return bytes >= minBytes && bytes <= maxBytes;
    },
    () => `must be text of ${minBytes} to ${maxBytes} bytes`,
  );
}

/** A message is named by its sender and its id: ids are the senders' own. */
const MessageRef = Type.Object({ sender: AccountIdSchema, message: MessageIdSchema });
export type MessageRef = Static<typeof MessageRef>;

/**
 * What every payload to a group may say. `anew`: the message was encrypted before, for a membership that was over by then; somebody
 * may have that one, too.
 */
const ToGroup = { anew: Type.Optional(Type.Boolean()) };

const TextPayload = Type.Object({
  type: Type.Literal("text"),
  ...ToGroup,
  text: Text(1, MAX_TEXT_BYTES),
});
const Reply = Type.Object({
  type: Type.Literal("reply"),
  ...ToGroup,
  to: MessageRef,
  text: Text(1, MAX_TEXT_BYTES),
});
/** An empty emoji takes the reaction back. */
const Reaction = Type.Object({
  type: Type.Literal("reaction"),
  ...ToGroup,
  to: MessageRef,
  emoji: Text(0, 64),
});
/** A new text for one of the sender's own messages. */
const Edit = Type.Object({
  type: Type.Literal("edit"),
  ...ToGroup,
  of: MessageIdSchema,
  text: Text(1, MAX_TEXT_BYTES),
});
/** Takes one of the sender's own messages back, for all. */
const Delete = Type.Object({ type: Type.Literal("delete"), ...ToGroup, of: MessageIdSchema });
/** A file, as sealed chunks in the archive's file store. */
const Attachment = Type.Object({
  type: Type.Literal("attachment"),
  ...ToGroup,
  name: Text(1, MAX_FILE_NAME_BYTES),
  mediaType: Text(0, 127),
  /** Size of the file in bytes. */
  bytes: Counter,
  /** Size of every chunk but the last, in bytes of the file. */
  chunkBytes: Type.Integer({ minimum: 1, maximum: 2 ** 30 }),
  /** Random id of the file in the store. */
  file: Binary(16, 16),
  /** The key that seals its chunks. */
  key: Binary(32, 32),
  /** SHA-256 of the file. */
  hash: Binary(32, 32),
  text: Text(0, MAX_TEXT_BYTES),
});
/** What a group is called; `again`: for those who have just come, and nobody else need see it. */
const Title = Type.Object({
  type: Type.Literal("title"),
  ...ToGroup,
  title: Text(1, MAX_TITLE_BYTES),
  again: Type.Optional(Type.Boolean()),
});
/** Messages from here on disappear so many seconds after they were read; 0 ends that. */
const Timer = Type.Object({
  type: Type.Literal("timer"),
  ...ToGroup,
  seconds: Type.Integer({ minimum: 0, maximum: 10 * 365 * 86400 }),
});
/** Tells the author of messages that they have arrived, or were read: those of one device in one conversation, by number. */
const Receipt = Type.Object({
  type: Type.Literal("receipt"),
  conversation: ConversationIdSchema,
  /** The author's. */
  device: DeviceIdSchema,
  from: RunningNumber,
  to: RunningNumber,
  /** Whether they were read, too. */
  read: Type.Boolean(),
});
export type ReceiptPayload = Static<typeof Receipt>;
/** Asks an admin to be let into a group by an invite of theirs. */
const Join = Type.Object({
  type: Type.Literal("join"),
  group: ConversationIdSchema,
  /** Names the invite. */
  invite: Binary(16, 16),
  /** When the invite ends, in milliseconds since 1970. */
  until: Counter,
  /** HMAC-SHA256 under the invite's secret. */
  proof: Binary(32, 32),
});
export type JoinPayload = Static<typeof Join>;

const KNOWN = {
  text: TextPayload,
  reply: Reply,
  reaction: Reaction,
  edit: Edit,
  delete: Delete,
  attachment: Attachment,
  title: Title,
  timer: Timer,
  receipt: Receipt,
  join: Join,
} as const;

/** A payload of a type that a later release brought. */
export interface UnknownPayload {
  readonly type: "unknown";
  /** What its sender calls the type. */
  readonly name: string;
  /** The payload as it came, for a release that knows it. */
  readonly raw: Uint8Array;
  readonly anew?: boolean;
}

export type KnownPayload = { [Name in keyof typeof KNOWN]: Static<(typeof KNOWN)[Name]> }[keyof typeof KNOWN];
export type Payload = KnownPayload | UnknownPayload;

const validators = new Map(Object.entries(KNOWN).map(([name, schema]) => [name, Compile(schema)]));

/**
 * Bytes of a payload.
 *
 * @throws FastChatError `tooLarge` over {@link MAX_PAYLOAD_BYTES}; `badRequest` naming the field that is not of its form
 */
export function encodePayload(payload: Payload): Uint8Array {
  if (payload.type === "unknown") return payload.raw;
  const fault = faultOf(payload.type, payload);
  const bytes = pack(payload);
  if (bytes.length > MAX_PAYLOAD_BYTES) {
    throw new FastChatError(
      "tooLarge",
      `A message of ${bytes.length} bytes is more than may be sent at once.`,
    );
  }
  if (fault !== null) throw new FastChatError("badRequest", `A message is not of its form${fault}.`);
  return bytes;
}

/**
 * The payload of bytes; it prints as `[redacted]`.
 *
 * @throws FastChatError `badFrame` on anything that is no payload
 */
export function decodePayload(bytes: Uint8Array): Payload {
  if (bytes.length > MAX_PAYLOAD_BYTES) throw malformed("");
  const value = unpack(bytes);
  if (typeof value !== "object" || value === null || !("type" in value)) throw malformed("");
  const { type } = value;
  if (typeof type !== "string" || type.length === 0 || type.length > 64) throw malformed(" at /type");
  if (!validators.has(type)) {
    const anew = "anew" in value && value.anew === true ? { anew: true } : {};
    return redacted({ type: "unknown", name: type, raw: new Uint8Array(bytes), ...anew });
  }
  const fault = faultOf(type, value);
  if (fault !== null) throw malformed(fault);
  return redacted(value as KnownPayload);
}

/** Whether the message was encrypted before, for a membership of its group that was over by then. */
export function isAnew(payload: Payload): boolean {
  return "anew" in payload && payload.anew === true;
}

/** A payload to a group, to be encrypted once more. */
export function anew(payload: Payload): Payload {
  switch (payload.type) {
    case "receipt":
    case "join":
      // To one person: these are never.
      return payload;
    case "unknown":
      return decodePayload(pack({ ...(unpack(payload.raw) as object), anew: true }));
    default:
      return { ...payload, anew: true };
  }
}

/** What is wrong with a payload of a known type; `null` if nothing is. */
function faultOf(type: string, value: unknown): string | null {
  const validator = validators.get(type);
  if (validator === undefined) return " at /type";
  if (validator.Check(value)) return null;
  const [first] = validator.Errors(value);
  return first === undefined ? "" : ` at ${first.instancePath || "its root"}: ${first.message}`;
}

function malformed(fault: string): FastChatError {
  return new FastChatError("badFrame", `A payload is not of its form${fault}.`);
}
