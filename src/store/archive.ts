/** Personal archives: who may open one, and its entries, sealed by the client and numbered in the order they came. */
import type { ArchiveId } from "../protocol/ids.js";

/** An entry as a client hands it in. */
export interface NewEntry {
  /** Chat tag, 32 bytes. */
  readonly chat: Uint8Array;
  /** Entry tag, 32 bytes: names the entry in its archive for ever. */
  readonly entry: Uint8Array;
  /** Another entry tag, 32 bytes: where an entry of that tag stands, this one is not added and counts as had. */
  readonly unless?: Uint8Array;
  readonly sealed: Uint8Array;
}

export interface StoredEntry extends Omit<NewEntry, "unless"> {
  /** Place in the archive: counts up from 1 without gaps. */
  readonly counter: number;
}

export interface NewArchive {
  readonly id: ArchiveId;
  /** SHA-256 of the token that opens it. */
  readonly tokenHash: Uint8Array;
}

/** The voucher that pays for a new archive. */
export interface SpentVoucher {
  /** SHA-256 of the voucher's nonce. */
  readonly nonceHash: Uint8Array;
  /** Milliseconds since 1970; the nonce is remembered at least that long. */
  readonly expiresAt: number;
}

export type CreateOutcome =
  | { readonly type: "created" }
  /** An archive of that id stood there before and is left as it is. */
  | { readonly type: "exists"; readonly archive: ArchiveRecord }
  | { readonly type: "voucherUsed" };

/** Where an archive has got to. */
export interface ArchiveHead {
  /** Counter of the newest entry; 0 where there is none. */
  readonly counter: number;
  /** Writes of notes on chats so far. */
  readonly revision: number;
}

export interface ArchiveRecord extends ArchiveHead {
  readonly tokenHash: Uint8Array;
}

/** Entries of one request, at least one, which are taken all or not at all. */
export interface Append {
  readonly archive: ArchiveId;
  readonly entries: readonly NewEntry[];
}

export interface EntryResult {
  readonly counter: number;
  /** Whether the tag was there before, with that counter. */
  readonly had: boolean;
}

export type AppendOutcome =
  /** In the order of the entries. */
  | { readonly type: "appended"; readonly results: readonly EntryResult[] }
  /** The archive would hold more entries than it may. */
  | { readonly type: "full" }
  | { readonly type: "noSuchArchive" };

export interface PageRequest {
  readonly archive: ArchiveId;
  /** Entries of this chat only. */
  readonly chat?: Uint8Array | undefined;
  /** `before`: below the counter `from`, newest first; `after`: above it, oldest first. */
  readonly direction: "before" | "after";
  /** Without it a page `before` starts with the newest entry, and one `after` with the oldest. */
  readonly from?: number | undefined;
  /** The most entries. */
  readonly limit: number;
  /** How much the page may weigh in bytes; its first entry is on it in any case. */
  readonly maxBytes: number;
}

export interface EntryPage {
  readonly entries: readonly StoredEntry[];
  /** Whether there are further entries in this direction. */
  readonly more: boolean;
}

/** A chat: what stands under one chat tag, and the note that clients keep on it. */
export interface StoredChat {
  /** Chat tag, 32 bytes. */
  readonly chat: Uint8Array;
  /** Counter of its newest entry. */
  readonly newest: number;
  /** Counts the writes of the note; 0 where there is none. */
  readonly version: number;
  /** When the note was last written, in writes of notes in this archive; 0 where there is none. */
  readonly revision: number;
  readonly note: Uint8Array | null;
}

export interface ChatPageRequest {
  readonly archive: ArchiveId;
  /** Only chats whose newest entry has a lower counter. */
  readonly before?: number | undefined;
  /** The most chats. */
  readonly limit: number;
  /** How much the page may weigh in bytes, the newest entries included; its first chat is on it in any case. */
  readonly maxBytes: number;
}

export interface ChatPage {
  /** The one with the newest entry first. */
  readonly chats: readonly StoredChat[];
  /** The newest entries of these chats, but for those that were blanked. */
  readonly latest: readonly StoredEntry[];
  readonly more: boolean;
}

export interface ChangedChatsRequest {
  readonly archive: ArchiveId;
  /** Only chats whose notes were written after that. */
  readonly revision: number;
  /** The most chats. */
  readonly limit: number;
  /** How much they may weigh in bytes; the first one is among them in any case. */
  readonly maxBytes: number;
}

export interface ChangedChats {
  readonly chats: readonly StoredChat[];
  readonly more: boolean;
}

/** What replaces something sealed, if nobody else did since it was read. */
export interface Replacement {
  /** Of what was read; 0 if there was nothing. */
  readonly version: number;
  readonly sealed: Uint8Array;
}

export type SetChatOutcome =
  | { readonly type: "written" | "conflict"; readonly chat: StoredChat }
  /** No entry stands under that tag. */
  | { readonly type: "noSuchChat" };

/** What an entry is known by, also once it was blanked. */
export interface EntryDigest {
  readonly chat: Uint8Array;
  readonly entry: Uint8Array;
  /** SHA-256 over both tags and what was sealed. */
  readonly hash: Uint8Array;
}

export interface DigestPage {
  /** Consecutive, from the counter behind the one that was named. */
  readonly digests: readonly EntryDigest[];
  readonly more: boolean;
}

export interface StoredCheckpoint {
  /** Counts the writes; 0 where there was none. */
  readonly version: number;
  readonly sealed: Uint8Array | null;
}

/** What a chat weighs on a page, beyond its note. */
export const CHAT_OVERHEAD_BYTES = 128;

/** What an entry weighs on a page, beyond its sealed bytes: tags, counter and their field names, packed. */
export const ENTRY_OVERHEAD_BYTES = 128;

export interface BlankRequest {
  readonly archive: ArchiveId;
  /** Chat tag of the entries, 32 bytes. */
  readonly chat: Uint8Array;
  /** Counters of the first and the last one. */
  readonly from: number;
  readonly to: number;
}

/** @throws StoreError from every method */
export interface ArchiveStore {
  /** Makes an archive and spends the voucher, in one transaction. */
  create(archive: NewArchive, voucher: SpentVoucher): Promise<CreateOutcome>;
  find(archive: ArchiveId): Promise<ArchiveRecord | null>;
  /**
   * Adds the entries of many clients in one transaction; outcomes in the order of the appends. Entries of one archive
   * get counters in the order they are given here. A tag that is there already, or came earlier in the same call, is
   * not added again, so that an append whose outcome is unknown may be repeated.
   *
   * @param maxEntries the most entries of one archive
   */
  append(appends: readonly Append[], maxEntries: number): Promise<AppendOutcome[]>;
  page(request: PageRequest): Promise<EntryPage>;
  /** The entry of that tag. */
  entry(archive: ArchiveId, tag: Uint8Array): Promise<StoredEntry | null>;
  chats(request: ChatPageRequest): Promise<ChatPage>;
  /** Writes the note on a chat, unless somebody else did since it was read. */
  setChat(archive: ArchiveId, chat: Uint8Array, note: Replacement): Promise<SetChatOutcome>;
  /** Chats whose notes were written after a revision, in the order of writing. */
  changedChats(request: ChangedChatsRequest): Promise<ChangedChats>;
  /**
   * Takes what they sealed from a chat's entries; they keep their places, tags and hashes.
   *
   * @returns how many were blanked
   */
  blank(request: BlankRequest): Promise<number>;
  /** What the entries above a counter are known by; at most so many. */
  digests(archive: ArchiveId, after: number, limit: number): Promise<DigestPage>;
  checkpoint(archive: ArchiveId): Promise<StoredCheckpoint>;
  /** Replaces the checkpoint, unless somebody else did since it was read. */
  setCheckpoint(
    archive: ArchiveId,
    checkpoint: Replacement,
  ): Promise<StoredCheckpoint & { readonly written: boolean }>;
  /** Forgets vouchers that expired before `time` (milliseconds since 1970). */
  forgetVouchers(time: number): Promise<void>;
}
