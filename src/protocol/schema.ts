/** Schemas of the values that more than one message uses. One schema gives type, validation and, over HTTP, OpenAPI. */
import Type, { type TUnsafe } from "#typebox";
import { fromBase64Url } from "./bytes.js";
import {
  NAME_PATTERN,
  type AccountId,
  type ArchiveId,
  type ConversationId,
  type DeviceId,
  type Incarnation,
  type MessageId,
  type ServerId,
  type UserName,
} from "./ids.js";

function hex<T extends string>(bytes: number, description: string): TUnsafe<T> {
  return Type.Unsafe<T>(Type.String({ pattern: `^[0-9a-f]{${bytes * 2}}$`, description }));
}

export const AccountIdSchema = hex<AccountId>(16, "Account id: 16 bytes in hexadecimal");
export const DeviceIdSchema = hex<DeviceId>(16, "Device id: 16 bytes in hexadecimal");
export const MessageIdSchema = hex<MessageId>(16, "Message id: 16 bytes in hexadecimal");
export const ConversationIdSchema = hex<ConversationId>(32, "Conversation id: 32 bytes in hexadecimal");
export const ArchiveIdSchema = hex<ArchiveId>(16, "Archive id: 16 bytes in hexadecimal");
export const IncarnationSchema = hex<Incarnation>(16, "One start of a server: 16 bytes in hexadecimal");
export const ServerIdSchema = Type.Unsafe<ServerId>(Type.String({ pattern: "^[a-z0-9-]{1,32}$" }));
export const UserNameSchema = Type.Unsafe<UserName>(
  Type.String({ pattern: NAME_PATTERN, description: "User name, folded to lower case" }),
);

/** Binary of a MessagePack message, of `min` to `max` bytes. */
export function Binary(min: number, max: number): TUnsafe<Uint8Array> {
  return Type.Refine(
    Type.Unsafe<Uint8Array>({}),
    (value) => value instanceof Uint8Array && value.length >= min && value.length <= max,
    () => `must be ${min === max ? min : `${min} to ${max}`} bytes`,
  );
}

/** Binary of a JSON message: base64url without padding, of `min` to `max` bytes once decoded. */
export function Base64Url(min: number, max: number, description: string) {
  return Type.Refine(
    Type.String({
      pattern: "^[A-Za-z0-9_-]*$",
      minLength: Math.ceil((min * 4) / 3),
      maxLength: Math.ceil((max * 4) / 3),
      description,
    }),
    (text) => fromBase64Url(text) !== null,
    () => "must be base64url without padding",
  );
}

/** A whole number that JavaScript holds exactly. */
export const Counter = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** Of a device's messages in a conversation: from 1. */
export const RunningNumber = Type.Integer({ minimum: 1, maximum: 0xffffffff });
/** Where something listens. */
export const Host = Type.String({ minLength: 1, maxLength: 255 });
export const Port = Type.Integer({ minimum: 1, maximum: 65535 });
/** Numbers a request, so that its reply can name it. */
export const Ref = Type.Integer({ minimum: 0, maximum: 0xffffffff });
