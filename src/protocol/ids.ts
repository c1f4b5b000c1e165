/**
 * Ids are branded strings: lower-case hexadecimal of a fixed number of bytes. The parse functions are the only
 * places that cast. On the wire and in the database an id is its bytes (PostgreSQL's `uuid` for those of 16 bytes).
 */
import { toHex } from "./bytes.js";

declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

/** 16 bytes: the truncated hash of the account's identity key, so that an id cannot be given to another key. */
export type AccountId = Id<"account">;
/** 16 bytes: a UUID of version 7, made by the sender's device. */
export type MessageId = Id<"message">;
/** 32 bytes: for two people a hash over both account ids, for a group the hash of its first event. */
export type ConversationId = Id<"conversation">;
/** 16 bytes, random: one installation of a client that logged in. */
export type DeviceId = Id<"device">;
/** 16 bytes, random: a personal archive. Nothing outside the archive's database stores it. */
export type ArchiveId = Id<"archive">;
/** 16 bytes, random: one start of a server. */
export type Incarnation = Id<"incarnation">;
/** 16 bytes: the body of messages that wait for their recipients, as the server calls it that takes the message. */
export type BodyId = Id<"body">;
/** A chat server's name within the system, as `chat-1`. */
export type ServerId = Id<"server">;
/** A folded user name. */
export type UserName = Id<"name">;
/** A connection's random number, unique on its server; an unsigned 32-bit integer that is not 0. */
export type SessionNumber = number;

const HEX_16 = /^[0-9a-f]{32}$/;
const HEX_32 = /^[0-9a-f]{64}$/;

function parser<T extends string>(pattern: RegExp): (text: string) => T | null {
  return (text) => (pattern.test(text) ? (text as T) : null);
}

export const parseAccountId = parser<AccountId>(HEX_16);
export const parseMessageId = parser<MessageId>(HEX_16);
export const parseConversationId = parser<ConversationId>(HEX_32);
export const parseDeviceId = parser<DeviceId>(HEX_16);
export const parseArchiveId = parser<ArchiveId>(HEX_16);
export const parseIncarnation = parser<Incarnation>(HEX_16);
export const parseServerId = parser<ServerId>(/^[a-z0-9-]{1,32}$/);

/** What a user name looks like once folded; JSON schemas use the same pattern. */
export const NAME_PATTERN = "^[a-z0-9._-]{3,32}$";
const NAME = new RegExp(NAME_PATTERN);

/** The folded form of a name that somebody typed (names know no case), or `null` where it is no name. */
export function parseUserName(text: string): UserName | null {
  // A to Z only: lower case makes a plain k of the Kelvin sign, which is no letter of a name.
  const folded = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return NAME.test(folded) ? (folded as UserName) : null;
}

/** An id of 16 bytes, read where the length of `bytes` is known to suffice. */
export function readId16<T extends AccountId | MessageId | DeviceId | ArchiveId | Incarnation | BodyId>(
  bytes: Uint8Array,
  offset = 0,
): T {
  return toHex(bytes, offset, offset + 16) as T;
}

/** An id of 32 bytes, read where the length of `bytes` is known to suffice. */
export function readConversationId(bytes: Uint8Array, offset = 0): ConversationId {
  return toHex(bytes, offset, offset + 32) as ConversationId;
}
