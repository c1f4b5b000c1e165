/**
 * The names that archive entries have towards the archive (PROTOCOL.md, "Archive tags"): HMAC-SHA256 under the
 * account's index key, so that no id links an archive with an account. All are 32 bytes.
 */
import { primitives } from "#primitives";
import { concatBytes, utf8, writeHex } from "../protocol/bytes.js";
import type { AccountId, ConversationId, MessageId, UserName } from "../protocol/ids.js";
import { labelled } from "./fields.js";
import { LABELS, type Label } from "./labels.js";

type Tag = Promise<Uint8Array<ArrayBuffer>>;

/** The chat that entries of a conversation stand in. */
export function chatTag(indexKey: Uint8Array, conversation: ConversationId): Tag {
  return tag(indexKey, LABELS.chatTag, conversation);
}

/** The chat that the pins of contacts' cards stand in. */
export function pinChatTag(indexKey: Uint8Array): Tag {
  return tag(indexKey, LABELS.pinChatTag);
}

/** A message whose sender is certain: it stands in the archive once, whatever is sent how often. */
export function entryTag(indexKey: Uint8Array, sender: AccountId, message: MessageId): Tag {
  return tag(indexKey, LABELS.entryTag, sender, message);
}

/** The chat that deletions stand in. */
export function deletionChatTag(indexKey: Uint8Array): Tag {
  return tag(indexKey, LABELS.deletionChatTag);
}

/**
 * What was deleted from a chat: the same deletion stands there once.
 *
 * @param chat tag, 32 bytes
 * @param from counter of the first entry, and
 * @param to of the last one
 */
export function deletionEntryTag(indexKey: Uint8Array, chat: Uint8Array, from: number, to: number): Tag {
  const range = new Uint8Array(16);
  const view = new DataView(range.buffer);
  view.setBigUint64(0, BigInt(from));
  view.setBigUint64(8, BigInt(to));
  return primitives.hmacSha256(indexKey, labelled(LABELS.deletionEntryTag, concatBytes(chat, range)));
}

/** The chat that the logs and titles of groups stand in, beside what of them people see in each group's own. */
export function groupsChatTag(indexKey: Uint8Array): Tag {
  return tag(indexKey, LABELS.groupsChatTag);
}

/**
 * An event of a group's log. By its number: the first event that any device of the account took for that number stays, and
 * another one in its place is found out.
 */
export function groupEventEntryTag(indexKey: Uint8Array, group: ConversationId, number: number): Tag {
  return numberedTag(indexKey, LABELS.groupEventEntryTag, group, number);
}

/** The same event where people see it. */
export function groupNoticeEntryTag(indexKey: Uint8Array, group: ConversationId, number: number): Tag {
  return numberedTag(indexKey, LABELS.groupNoticeEntryTag, group, number);
}

/** The chat that receipts stand in. */
export function receiptsChatTag(indexKey: Uint8Array): Tag {
  return tag(indexKey, LABELS.receiptsChatTag);
}

/** Receipts that were filed together, named by their content. @param content as it is sealed */
export function receiptsEntryTag(indexKey: Uint8Array, content: Uint8Array): Tag {
  return primitives.hmacSha256(indexKey, labelled(LABELS.receiptsEntryTag, content));
}

/** A title that a message gave a group. */
export function groupTitleEntryTag(indexKey: Uint8Array, sender: AccountId, message: MessageId): Tag {
  return tag(indexKey, LABELS.groupTitleEntryTag, sender, message);
}

/** What somebody imported as a message of that sender: it takes nobody's place who is certain. */
export function importedEntryTag(indexKey: Uint8Array, sender: AccountId, message: MessageId): Tag {
  return tag(indexKey, LABELS.importedEntryTag, sender, message);
}

/**
 * The pin of the card behind a name: the first one wins. By name, since an account's id is the hash of its identity key
 * already: what a service could change is which identity a name stands for.
 */
export function pinEntryTag(indexKey: Uint8Array, name: UserName): Tag {
  return primitives.hmacSha256(indexKey, labelled(LABELS.pinEntryTag, utf8(name)));
}

/**
 * What was found invalid. It is named by its content, not by the ids it claims: a forgery must not take the place of
 * the message whose ids it borrows.
 *
 * @param bodyHash 32 bytes, see bodyHash in archive-entry.ts
 */
export function invalidEntryTag(indexKey: Uint8Array, bodyHash: Uint8Array): Tag {
  return primitives.hmacSha256(indexKey, labelled(LABELS.invalidEntryTag, bodyHash));
}

/** What cannot be judged yet; named by its content for the same reason. @param bodyHash 32 bytes */
export function unjudgedEntryTag(indexKey: Uint8Array, bodyHash: Uint8Array): Tag {
  return primitives.hmacSha256(indexKey, labelled(LABELS.unjudgedEntryTag, bodyHash));
}

function numberedTag(indexKey: Uint8Array, label: Label, group: ConversationId, number: number): Tag {
  return tag(indexKey, label, group, number.toString(16).padStart(8, "0"));
}

function tag(indexKey: Uint8Array, label: Label, ...ids: readonly string[]): Tag {
  const parts = ids.map((id) => {
    const bytes = new Uint8Array(id.length / 2);
    writeHex(bytes, 0, id);
    return bytes;
  });
  return primitives.hmacSha256(indexKey, labelled(label, concatBytes(...parts)));
}
