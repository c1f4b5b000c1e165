/**
 * What entries of a personal archive hold (PROTOCOL.md, "Archive entries"), and how they are sealed: padded, and bound
 * to archive, chat tag and entry tag, so that none can be moved.
 */
import { primitives } from "#primitives";
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { TAG_BYTES } from "../protocol/archive.js";
import { concatBytes } from "../protocol/bytes.js";
import { pack, unpack } from "../protocol/codec.js";
import type { HotHeader } from "../protocol/hot.js";
import { Card } from "../protocol/http.js";
import { MAX_GROUP_EVENT_BYTES } from "../protocol/groups.js";
import type { AccountId, ArchiveId, ConversationId, DeviceId, MessageId } from "../protocol/ids.js";
import { decodePayload, MAX_PAYLOAD_BYTES, MAX_TITLE_BYTES, type Payload } from "../protocol/payload.js";
import { redacted } from "../protocol/redacted.js";
import {
  AccountIdSchema,
  Binary,
  ConversationIdSchema,
  Counter,
  DeviceIdSchema,
  MessageIdSchema,
  RunningNumber,
} from "../protocol/schema.js";
import {
  decodeEnvelopeHeader,
  encodeEnvelopeHeader,
  ENVELOPE_HEADER_BYTES,
  type EnvelopeHeader,
} from "./envelope-header.js";
import { sized } from "./fields.js";
import { pad, unpad } from "./padding.js";
import { open, seal, type SealContext } from "./sealed.js";
import { undecryptable } from "./undecryptable.js";

/** A message from somebody else, verified and decrypted. */
export interface ReceivedEntry {
  readonly type: "received";
  readonly header: EnvelopeHeader;
  readonly payload: Payload;
  /** Milliseconds since 1970, by this device's clock. */
  readonly receivedAt: number;
  /** The device that took it. */
  readonly by?: DeviceId;
}

/** A message of this account. */
export interface SentEntry {
  readonly type: "sent";
  readonly header: EnvelopeHeader;
  readonly payload: Payload;
  /** None for a message to a group: they are its members at the header's epoch. */
  readonly recipients: readonly AccountId[];
}

/** What arrived and is damaged or forged: its ids are claims. */
export interface InvalidEntry {
  readonly type: "invalid";
  readonly frame: HotHeader;
  /** Milliseconds since 1970, by this device's clock. */
  readonly receivedAt: number;
}

/** What arrived and cannot be judged yet, kept as it came. */
export interface UnjudgedEntry {
  readonly type: "unjudged";
  readonly frame: HotHeader;
  readonly wrappedKey: Uint8Array;
  readonly envelope: Uint8Array;
  /** Milliseconds since 1970, by this device's clock. */
  readonly receivedAt: number;
}

/** The card that a contact is known by. */
export interface PinEntry {
  readonly type: "pin";
  readonly card: Card;
  /** Milliseconds since 1970, by this device's clock. */
  readonly pinnedAt: number;
}

/** What a person took over from a file: nobody has signed it. */
export interface ImportedEntry {
  readonly type: "imported";
  readonly direction: "sent" | "received";
  readonly message: MessageId;
  /** The other one; of a message to a group who wrote it. */
  readonly peer: AccountId;
  /** Where it was sent to a group. */
  readonly group?: ConversationId;
  /** Names as the file had them. */
  readonly from: string;
  readonly to: string;
  readonly text: string;
  /** When it was written, as the file says, in milliseconds since 1970; 0 where it does not. */
  readonly sentAt: number;
  /** Milliseconds since 1970, by this device's clock. */
  readonly importedAt: number;
}

/** What this person deleted from a chat. */
export interface DeletionEntry {
  readonly type: "deletion";
  /** Tag of the chat, 32 bytes. */
  readonly chat: Uint8Array;
  /** Counters of the first and the last entry. */
  readonly from: number;
  readonly to: number;
  /** Milliseconds since 1970, by this device's clock. */
  readonly deletedAt: number;
}

/** An event of a group's log, as its maker signed it. */
export interface GroupEventEntry {
  readonly type: "groupEvent";
  readonly group: ConversationId;
  readonly event: Uint8Array;
  /** When this account learned of it, in milliseconds since 1970, by this device's clock. */
  readonly learnedAt: number;
}

/** What a group is called from here on. */
export interface GroupTitleEntry {
  readonly type: "groupTitle";
  readonly group: ConversationId;
  readonly title: string;
}

/** What somebody told of messages of this account: that those of one device in one conversation have arrived, or were read. */
export interface ReceiptMark {
  readonly conversation: ConversationId;
  /** Who tells it. */
  readonly member: AccountId;
  /** The device that sent the messages. */
  readonly device: DeviceId;
  /** Running numbers of the first and the last. */
  readonly from: number;
  readonly to: number;
  readonly read: boolean;
}

/** Receipts that came at about the same time. */
export interface ReceiptsEntry {
  readonly type: "receipts";
  readonly marks: readonly ReceiptMark[];
}

/** An entry of a type that a later release brought. */
export interface UnknownEntry {
  readonly type: "unknown";
  readonly name: string;
}

export type ArchiveEntry =
  | ReceivedEntry
  | SentEntry
  | InvalidEntry
  | UnjudgedEntry
  | PinEntry
  | ImportedEntry
  | DeletionEntry
  | GroupEventEntry
  | GroupTitleEntry
  | ReceiptsEntry
  | UnknownEntry;

/** With the payload as the bytes that were encrypted: what this release does not know of it stays, and it cannot grow. */
type Packed<Entry extends { readonly payload: Payload }> = Omit<Entry, "payload"> & {
  readonly payload: Uint8Array;
};

/** An entry as it is sealed. */
export type EntryContent =
  | Packed<ReceivedEntry>
  | Packed<SentEntry>
  | InvalidEntry
  | UnjudgedEntry
  | PinEntry
  | ImportedEntry
  | DeletionEntry
  | GroupEventEntry
  | GroupTitleEntry
  | ReceiptsEntry;

/** Where an entry stands. */
export interface EntryPlace {
  readonly archive: ArchiveId;
  /** 32 bytes. */
  readonly chat: Uint8Array;
  /** 32 bytes. */
  readonly entry: Uint8Array;
}

/** The most receipts in one entry. */
export const MAX_RECEIPT_MARKS = 500;
/** The longest name in an imported entry, in UTF-16 code units: an account id, where no name was known. */
export const MAX_IMPORTED_NAME = 64;
/** To whom an imported message went, likewise: `#` and a title is the longest. */
export const MAX_IMPORTED_TO = MAX_TITLE_BYTES + 1;

const Header = Binary(ENVELOPE_HEADER_BYTES, ENVELOPE_HEADER_BYTES);
const PayloadBytes = Binary(1, 128 * 1024);
const Frame = Type.Object({
  epoch: Type.Integer({ minimum: 0, maximum: 0xffffffff }),
  message: MessageIdSchema,
  account: AccountIdSchema,
  conversation: ConversationIdSchema,
});

const Received = Type.Object({
  type: Type.Literal("received"),
  header: Header,
  payload: PayloadBytes,
  receivedAt: Counter,
  by: Type.Optional(DeviceIdSchema),
});
const Sent = Type.Object({
  type: Type.Literal("sent"),
  header: Header,
  payload: PayloadBytes,
  recipients: Type.Array(AccountIdSchema, { maxItems: 65535 }),
});
const Invalid = Type.Object({ type: Type.Literal("invalid"), frame: Frame, receivedAt: Counter });
const Unjudged = Type.Object({
  type: Type.Literal("unjudged"),
  frame: Frame,
  wrappedKey: Binary(0, 65535),
  envelope: Binary(0, 512 * 1024),
  receivedAt: Counter,
});
const Pin = Type.Object({ type: Type.Literal("pin"), card: Card, pinnedAt: Counter });
const ImportedName = Type.String({ maxLength: MAX_IMPORTED_NAME });
const Imported = Type.Object({
  type: Type.Literal("imported"),
  direction: Type.Union([Type.Literal("sent"), Type.Literal("received")]),
  message: MessageIdSchema,
  peer: AccountIdSchema,
  group: Type.Optional(ConversationIdSchema),
  from: ImportedName,
  to: Type.String({ maxLength: MAX_IMPORTED_TO }),
  text: Type.String({ maxLength: MAX_PAYLOAD_BYTES }),
  sentAt: Counter,
  importedAt: Counter,
});

const Deletion = Type.Object({
  type: Type.Literal("deletion"),
  chat: Binary(TAG_BYTES, TAG_BYTES),
  from: Counter,
  to: Counter,
  deletedAt: Counter,
});

const GroupEvent = Type.Object({
  type: Type.Literal("groupEvent"),
  group: ConversationIdSchema,
  event: Binary(1, MAX_GROUP_EVENT_BYTES),
  learnedAt: Counter,
});
const GroupTitle = Type.Object({
  type: Type.Literal("groupTitle"),
  group: ConversationIdSchema,
  title: Type.String({ minLength: 1, maxLength: MAX_TITLE_BYTES }),
});

const Receipts = Type.Object({
  type: Type.Literal("receipts"),
  marks: Type.Array(
    Type.Object({
      conversation: ConversationIdSchema,
      member: AccountIdSchema,
      device: DeviceIdSchema,
      from: RunningNumber,
      to: RunningNumber,
      read: Type.Boolean(),
    }),
    { maxItems: MAX_RECEIPT_MARKS },
  ),
});

/** An entry as it is packed: header and payload as the bytes they are. */
const Stored = Type.Union([
  Received,
  Sent,
  Invalid,
  Unjudged,
  Pin,
  Imported,
  Deletion,
  GroupEvent,
  GroupTitle,
  Receipts,
]);
type Stored = Static<typeof Stored>;
const NAMES: ReadonlySet<string> = new Set<Stored["type"]>([
  "received",
  "sent",
  "invalid",
  "unjudged",
  "pin",
  "imported",
  "deletion",
  "groupEvent",
  "groupTitle",
  "receipts",
]);

const stored = Compile(Stored);

/**
 * SHA-256 over what a recipient got, wrapped key and envelope: names what cannot be trusted to name itself.
 */
export function bodyHash(wrappedKey: Uint8Array, envelope: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return primitives.sha256(concatBytes(sized(wrappedKey), envelope));
}

/** @param key the archive key, 32 bytes */
export async function sealEntry(
  key: Uint8Array,
  place: EntryPlace,
  entry: EntryContent,
): Promise<Uint8Array<ArrayBuffer>> {
  return seal(key, contextOf(place), pad(pack(toStored(entry))));
}

/**
 * Opens an entry; it prints as `[redacted]`.
 *
 * @param key the archive key, 32 bytes
 * @throws FastChatError `undecryptable`, alike for another place, another key, damage and forgery
 */
export async function openEntry(
  key: Uint8Array,
  place: EntryPlace,
  sealed: Uint8Array,
): Promise<ArchiveEntry> {
  const content = unpad(await open(key, contextOf(place), sealed));
  if (content === null) throw undecryptable();
  try {
    return redacted(fromStored(unpack(content)));
  } catch {
    throw undecryptable();
  }
}

function toStored(entry: EntryContent): Stored {
  switch (entry.type) {
    case "received":
      return { ...entry, header: encodeEnvelopeHeader(entry.header) };
    case "sent":
      return { ...entry, header: encodeEnvelopeHeader(entry.header), recipients: [...entry.recipients] };
    case "invalid":
    case "unjudged":
    case "pin":
    case "imported":
    case "deletion":
    case "groupEvent":
    case "groupTitle":
      return entry;
    case "receipts":
      return { ...entry, marks: [...entry.marks] };
  }
}

function fromStored(value: unknown): ArchiveEntry {
  if (!stored.Check(value)) {
    const name = (value as { type?: unknown } | null)?.type;
    if (typeof name === "string" && !NAMES.has(name)) return { type: "unknown", name };
    throw undecryptable();
  }
  switch (value.type) {
    case "received":
    case "sent": {
      const header = decodeEnvelopeHeader(value.header);
      if (header === null) throw undecryptable();
      return { ...value, header, payload: decodePayload(value.payload) };
    }
    case "invalid":
    case "unjudged":
    case "pin":
    case "imported":
    case "deletion":
    case "groupEvent":
    case "groupTitle":
    case "receipts":
      return value;
  }
}

function contextOf({ archive, chat, entry }: EntryPlace): SealContext {
  return { format: 1, purpose: "archive-entry", owner: archive, generation: 0, extra: [chat, entry] };
}
