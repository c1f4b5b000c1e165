/** Entries of the personal archive, made and opened with the account's archive key and index key. */
import {
  bodyHash,
  openEntry,
  sealEntry,
  type ArchiveEntry,
  type EntryContent,
  type ImportedEntry,
  type ReceiptMark,
} from "../../crypto/archive-entry.js";
import {
  chatTag,
  deletionChatTag,
  deletionEntryTag,
  entryTag,
  groupEventEntryTag,
  groupNoticeEntryTag,
  groupsChatTag,
  groupTitleEntryTag,
  importedEntryTag,
  invalidEntryTag,
  pinChatTag,
  pinEntryTag,
  receiptsChatTag,
  receiptsEntryTag,
  unjudgedEntryTag,
} from "../../crypto/archive-tags.js";
import { openChatNote, sealChatNote, type ChatNote } from "../../crypto/chat-note.js";
import type { EnvelopeHeader } from "../../crypto/envelope-header.js";
import type { ArchiveSecrets } from "../../crypto/vault-contents.js";
import type { HotHeader } from "../../protocol/hot.js";
import type { Card } from "../../protocol/http.js";
import type { AccountId, ConversationId, DeviceId, MessageId, UserName } from "../../protocol/ids.js";
import { pack } from "../../protocol/codec.js";
import type { NewEntry, PageEntry } from "./archive.js";

/** A message as it was delivered to this account. */
export interface Delivered {
  readonly frame: HotHeader;
  readonly wrappedKey: Uint8Array;
  readonly envelope: Uint8Array;
}

export class Entries {
  readonly #secrets: ArchiveSecrets;

  constructor(secrets: ArchiveSecrets) {
    this.#secrets = secrets;
  }

  chat(conversation: ConversationId): Promise<Uint8Array> {
    return chatTag(this.#secrets.indexKey, conversation);
  }

  /** The chat that the pins of contacts' cards stand in. */
  pins(): Promise<Uint8Array> {
    return pinChatTag(this.#secrets.indexKey);
  }

  /** The chat that deletions stand in. */
  deletions(): Promise<Uint8Array> {
    return deletionChatTag(this.#secrets.indexKey);
  }

  /** Where a message stands whose sender is certain. */
  tagOf(sender: AccountId, message: MessageId): Promise<Uint8Array> {
    return entryTag(this.#secrets.indexKey, sender, message);
  }

  pinTag(name: UserName): Promise<Uint8Array> {
    return pinEntryTag(this.#secrets.indexKey, name);
  }

  /**
   * @param payload its bytes
   * @param recipients none for a group
   */
  async sent(
    header: EnvelopeHeader,
    payload: Uint8Array,
    recipients: readonly AccountId[],
  ): Promise<NewEntry> {
    const tag = await this.tagOf(header.sender, header.message);
    return this.#seal(header.conversation, tag, { type: "sent", header, payload, recipients });
  }

  /**
   * It gives way to the same delivery that could not be judged when it came before: that one has its place in the order.
   *
   * @param payload its bytes, as its sender encrypted them
   * @param receivedAt milliseconds since 1970
   * @param by the device that takes it
   */
  async received(
    delivered: Delivered,
    header: EnvelopeHeader,
    payload: Uint8Array,
    receivedAt: number,
    by: DeviceId,
  ): Promise<NewEntry> {
    const tag = await this.tagOf(header.sender, header.message);
    const entry = await this.#seal(header.conversation, tag, {
      type: "received",
      header,
      payload,
      receivedAt,
      by,
    });
    return { ...entry, unless: await this.#unjudgedTag(delivered) };
  }

  /** @param receivedAt milliseconds since 1970 */
  async invalid(delivered: Delivered, receivedAt: number): Promise<NewEntry> {
    const { frame } = delivered;
    const hash = await bodyHash(delivered.wrappedKey, delivered.envelope);
    const tag = await invalidEntryTag(this.#secrets.indexKey, hash);
    return this.#seal(frame.conversation, tag, { type: "invalid", frame: headerOf(frame), receivedAt });
  }

  /** @param receivedAt milliseconds since 1970 */
  async unjudged(delivered: Delivered, receivedAt: number): Promise<NewEntry> {
    const { frame, wrappedKey, envelope } = delivered;
    const tag = await this.#unjudgedTag(delivered);
    const entry = { type: "unjudged", frame: headerOf(frame), wrappedKey, envelope, receivedAt } as const;
    return this.#seal(frame.conversation, tag, entry);
  }

  /** @param pinnedAt milliseconds since 1970 */
  async pin(card: Card, pinnedAt: number): Promise<NewEntry> {
    return this.#sealAt(await this.pins(), await this.pinTag(card.name), { type: "pin", card, pinnedAt });
  }

  /**
   * @param chat tag of the chat that something was deleted from, 32 bytes
   * @param from counter of the first entry, and
   * @param to of the last one
   * @param deletedAt milliseconds since 1970
   */
  async deletion(chat: Uint8Array, from: number, to: number, deletedAt: number): Promise<NewEntry> {
    const tag = await deletionEntryTag(this.#secrets.indexKey, chat, from, to);
    return this.#sealAt(await this.deletions(), tag, { type: "deletion", chat, from, to, deletedAt });
  }

  /** The chat that the logs and titles of groups stand in. */
  groups(): Promise<Uint8Array> {
    return groupsChatTag(this.#secrets.indexKey);
  }

  /**
   * An event of a group twice: in its log, and where people see it.
   *
   * @param number of the event
   * @param learnedAt milliseconds since 1970
   */
  async groupEvent(
    group: ConversationId,
    number: number,
    event: Uint8Array,
    learnedAt: number,
  ): Promise<{ readonly logged: NewEntry; readonly notice: NewEntry }> {
    const { indexKey } = this.#secrets;
    const content = { type: "groupEvent", group, event, learnedAt } as const;
    const logTag = await groupEventEntryTag(indexKey, group, number);
    const noticeTag = await groupNoticeEntryTag(indexKey, group, number);
    return {
      logged: await this.#sealAt(await this.groups(), logTag, content),
      notice: await this.#seal(group, noticeTag, content),
    };
  }

  /** @param message that gave the title */
  async groupTitle(
    group: ConversationId,
    title: string,
    message: { readonly sender: AccountId; readonly message: MessageId },
  ): Promise<NewEntry> {
    const tag = await groupTitleEntryTag(this.#secrets.indexKey, message.sender, message.message);
    return this.#sealAt(await this.groups(), tag, { type: "groupTitle", group, title });
  }

  /** The chat that receipts stand in. */
  receiptsChat(): Promise<Uint8Array> {
    return receiptsChatTag(this.#secrets.indexKey);
  }

  /** @param marks at most `MAX_RECEIPT_MARKS` */
  async receipts(marks: readonly ReceiptMark[]): Promise<NewEntry> {
    const content = { type: "receipts", marks } as const;
    const tag = await receiptsEntryTag(this.#secrets.indexKey, pack(content));
    return this.#sealAt(await this.receiptsChat(), tag, content);
  }

  /**
   * It gives way to the genuine message, where that stands.
   *
   * @param sender the account that the message is said to come from
   */
  async imported(
    conversation: ConversationId,
    sender: AccountId,
    content: Omit<ImportedEntry, "type">,
  ): Promise<NewEntry> {
    const tag = await importedEntryTag(this.#secrets.indexKey, sender, content.message);
    const entry = await this.#seal(conversation, tag, { type: "imported", ...content });
    return { ...entry, unless: await this.tagOf(sender, content.message) };
  }

  /** @throws FastChatError `undecryptable` where it is damaged, moved or forged */
  open({ chat, entry, sealed }: PageEntry): Promise<ArchiveEntry> {
    return openEntry(this.#secrets.key, { archive: this.#secrets.id, chat, entry }, sealed);
  }

  sealNote(chat: Uint8Array, version: number, note: ChatNote): Promise<Uint8Array> {
    return sealChatNote(this.#secrets.key, { archive: this.#secrets.id, chat, version }, note);
  }

  /** @throws FastChatError `undecryptable` where it is damaged, moved, old or forged */
  openNote(chat: Uint8Array, version: number, sealed: Uint8Array): Promise<ChatNote> {
    return openChatNote(this.#secrets.key, { archive: this.#secrets.id, chat, version }, sealed);
  }

  async #unjudgedTag({ wrappedKey, envelope }: Delivered): Promise<Uint8Array> {
    return unjudgedEntryTag(this.#secrets.indexKey, await bodyHash(wrappedKey, envelope));
  }

  async #seal(conversation: ConversationId, tag: Uint8Array, content: EntryContent): Promise<NewEntry> {
    return this.#sealAt(await this.chat(conversation), tag, content);
  }

  async #sealAt(chat: Uint8Array, entry: Uint8Array, content: EntryContent): Promise<NewEntry> {
    const place = { archive: this.#secrets.id, chat, entry };
    return { chat, entry, sealed: await sealEntry(this.#secrets.key, place, content) };
  }
}

function headerOf({ epoch, message, account, conversation }: HotHeader): HotHeader {
  return { epoch, message, account, conversation };
}
