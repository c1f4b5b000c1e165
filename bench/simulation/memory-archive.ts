/**
 * Archives in memory, with the promises of the SQL store: a call is committed whole or not at all, what was committed
 * stays, and what was not is forgotten. It can be told to fail, before or after its commit, and to take its time.
 */
import { createHash } from "node:crypto";
import { toHex } from "../../src/protocol/bytes.js";
import type { ArchiveId } from "../../src/protocol/ids.js";
import {
  CHAT_OVERHEAD_BYTES,
  ENTRY_OVERHEAD_BYTES,
  type Append,
  type AppendOutcome,
  type ArchiveRecord,
  type ArchiveStore,
  type BlankRequest,
  type ChangedChats,
  type ChangedChatsRequest,
  type ChatPage,
  type ChatPageRequest,
  type CreateOutcome,
  type DigestPage,
  type EntryDigest,
  type EntryPage,
  type NewArchive,
  type NewEntry,
  type PageRequest,
  type Replacement,
  type SetChatOutcome,
  type SpentVoucher,
  type StoredChat,
  type StoredCheckpoint,
  type StoredEntry,
} from "../../src/store/archive.js";
import { StoreError } from "../../src/store/database.js";

/**
 * What the next calls run into. `away`: nothing is done; `lostAnswer`: it is done, and reported as failed; `refused`:
 * it is rejected for good.
 */
export type ArchiveFault = "none" | "away" | "lostAnswer" | "refused";

interface KeptEntry extends EntryDigest {
  readonly counter: number;
  /** `null` once it was blanked. */
  sealed: Uint8Array | null;
}

interface Kept {
  readonly tokenHash: Uint8Array;
  /** By place: the entry of counter 1 comes first. */
  readonly entries: KeptEntry[];
  /** Counters by entry tag. */
  readonly tags: Map<string, number>;
  /** By chat tag. */
  readonly chats: Map<string, StoredChat>;
  revision: number;
  checkpoint: StoredCheckpoint;
}

export class MemoryArchive implements ArchiveStore {
  readonly #archives = new Map<ArchiveId, Kept>();
  readonly #vouchers = new Map<string, number>();
  fault: ArchiveFault = "none";
  /** Calls wait for it before they do anything. */
  gate: Promise<void> | null = null;
  /** Appending calls that were committed, each with how many appends it held. */
  readonly commits: number[] = [];
  /** Appending calls, committed or not. */
  appendCalls = 0;

  create(archive: NewArchive, voucher: SpentVoucher): Promise<CreateOutcome> {
    return this.#call((): CreateOutcome => {
      const nonce = toHex(voucher.nonceHash);
      const spent = !this.#vouchers.has(nonce);
      if (spent) this.#vouchers.set(nonce, voucher.expiresAt);
      const existing = this.#record(archive.id);
      if (existing !== null) return { type: "exists", archive: existing };
      if (!spent) return { type: "voucherUsed" };
      this.#archives.set(archive.id, {
        tokenHash: archive.tokenHash.slice(),
        entries: [],
        tags: new Map(),
        chats: new Map(),
        revision: 0,
        checkpoint: { version: 0, sealed: null },
      });
      return { type: "created" };
    });
  }

  find(archive: ArchiveId): Promise<ArchiveRecord | null> {
    return this.#call(() => this.#record(archive));
  }

  append(appends: readonly Append[], maxEntries: number): Promise<AppendOutcome[]> {
    this.appendCalls++;
    return this.#call(() => {
      this.commits.push(appends.length);
      return appends.map((append) => this.#append(append, maxEntries));
    });
  }

  page({ archive, chat, direction, from, limit, maxBytes }: PageRequest): Promise<EntryPage> {
    return this.#call(() => {
      const all = (this.#archives.get(archive)?.entries ?? []).flatMap((entry) => contentOf(entry) ?? []);
      const tag = chat === undefined ? null : toHex(chat);
      const ordered = direction === "before" ? all.toReversed() : all;
      const matching = ordered.filter(
        (entry) =>
          (tag === null || toHex(entry.chat) === tag) &&
          (from === undefined || (direction === "before" ? entry.counter < from : entry.counter > from)),
      );
      const entries = fitting(matching, limit, maxBytes, weightOf);
      return { entries, more: entries.length < matching.length };
    });
  }

  entry(archive: ArchiveId, tag: Uint8Array): Promise<StoredEntry | null> {
    return this.#call(() => {
      const kept = this.#archives.get(archive);
      return contentOf(kept?.entries[(kept.tags.get(toHex(tag)) ?? 0) - 1]);
    });
  }

  chats({ archive, before = Infinity, limit, maxBytes }: ChatPageRequest): Promise<ChatPage> {
    return this.#call(() => {
      const kept = this.#archives.get(archive);
      const all = [...(kept?.chats.values() ?? [])]
        .filter(({ newest }) => newest < before)
        .sort((one, other) => other.newest - one.newest);
      const latestOf = ({ newest }: StoredChat): StoredEntry | null => contentOf(kept?.entries[newest - 1]);
      const chats = fitting(all, limit, maxBytes, (chat) => {
        const entry = latestOf(chat);
        return chatWeight(chat) + (entry === null ? 0 : weightOf(entry));
      });
      const latest = chats.map(latestOf).filter((entry) => entry !== null);
      return { chats, latest, more: chats.length < all.length };
    });
  }

  setChat(archive: ArchiveId, tag: Uint8Array, { version, sealed }: Replacement): Promise<SetChatOutcome> {
    return this.#call((): SetChatOutcome => {
      const kept = this.#archives.get(archive);
      const chat = kept?.chats.get(toHex(tag));
      if (kept === undefined || chat === undefined) return { type: "noSuchChat" };
      if (chat.version !== version) return { type: "conflict", chat };
      const written = { ...chat, version: version + 1, revision: ++kept.revision, note: sealed.slice() };
      kept.chats.set(toHex(tag), written);
      return { type: "written", chat: written };
    });
  }

  changedChats({ archive, revision, limit, maxBytes }: ChangedChatsRequest): Promise<ChangedChats> {
    return this.#call(() => {
      const changed = [...(this.#archives.get(archive)?.chats.values() ?? [])]
        .filter((chat) => chat.revision > revision)
        .sort((one, other) => one.revision - other.revision);
      const chats = fitting(changed, limit, maxBytes, chatWeight);
      return { chats, more: chats.length < changed.length };
    });
  }

  digests(archive: ArchiveId, after: number, limit: number): Promise<DigestPage> {
    return this.#call(() => {
      const entries = this.#archives.get(archive)?.entries ?? [];
      const digests = entries
        .slice(after, after + limit)
        .map(({ chat, entry, hash }) => ({ chat, entry, hash }));
      return { digests, more: after + limit < entries.length };
    });
  }

  blank({ archive, chat, from, to }: BlankRequest): Promise<number> {
    return this.#call(() => {
      const entries = this.#archives.get(archive)?.entries.slice(from - 1, to) ?? [];
      const blanked = entries.filter((entry) => entry.sealed !== null && toHex(entry.chat) === toHex(chat));
      for (const entry of blanked) entry.sealed = null;
      return blanked.length;
    });
  }

  checkpoint(archive: ArchiveId): Promise<StoredCheckpoint> {
    return this.#call(() => this.#checkpoint(archive));
  }

  setCheckpoint(
    archive: ArchiveId,
    { version, sealed }: Replacement,
  ): Promise<StoredCheckpoint & { readonly written: boolean }> {
    return this.#call(() => {
      const kept = this.#archives.get(archive);
      const written = kept?.checkpoint.version === version;
      if (written) kept.checkpoint = { version: version + 1, sealed: sealed.slice() };
      return { ...this.#checkpoint(archive), written };
    });
  }

  forgetVouchers(time: number): Promise<void> {
    return this.#call(() => {
      for (const [nonce, expiresAt] of this.#vouchers) if (expiresAt < time) this.#vouchers.delete(nonce);
    });
  }

  /** Nonces of vouchers that are remembered, for a test to count. */
  get rememberedVouchers(): number {
    return this.#vouchers.size;
  }

  #append({ archive, entries }: Append, maxEntries: number): AppendOutcome {
    const kept = this.#archives.get(archive);
    if (kept === undefined) return { type: "noSuchArchive" };
    const unknown = entries.filter((entry) => counterIn(kept, entry) === undefined);
    const fresh = new Set(unknown.map(({ entry }) => toHex(entry)));
    if (fresh.size > 0 && kept.entries.length + fresh.size > maxEntries) return { type: "full" };
    return { type: "appended", results: entries.map((entry) => this.#add(kept, entry)) };
  }

  #add(kept: Kept, added: NewEntry): { counter: number; had: boolean } {
    const { entries, tags } = kept;
    const { chat, entry, sealed } = added;
    const had = counterIn(kept, added);
    if (had !== undefined) return { counter: had, had: true };
    const counter = entries.length + 1;
    const hash = createHash("sha256").update(chat).update(entry).update(sealed).digest();
    entries.push({ counter, chat: chat.slice(), entry: entry.slice(), hash, sealed: sealed.slice() });
    tags.set(toHex(entry), counter);
    const known = kept.chats.get(toHex(chat)) ?? {
      chat: chat.slice(),
      version: 0,
      revision: 0,
      note: null,
    };
    kept.chats.set(toHex(chat), { ...known, newest: counter });
    return { counter, had: false };
  }

  #checkpoint(archive: ArchiveId): StoredCheckpoint {
    return this.#archives.get(archive)?.checkpoint ?? { version: 0, sealed: null };
  }

  #record(archive: ArchiveId): ArchiveRecord | null {
    const kept = this.#archives.get(archive);
    return kept === undefined
      ? null
      : { tokenHash: kept.tokenHash, counter: kept.entries.length, revision: kept.revision };
  }

  async #call<T>(work: () => T): Promise<T> {
    if (this.gate !== null) await this.gate;
    if (this.fault === "away") throw connectionLost();
    if (this.fault === "refused") {
      throw new StoreError("rejected", "23514", undefined, "the database refuses this");
    }
    const result = work();
    if (this.fault === "lostAnswer") throw connectionLost();
    return result;
  }
}

/** Where an entry stands already, or the one that it gives way to. */
function counterIn({ tags }: Kept, { entry, unless }: NewEntry): number | undefined {
  return tags.get(toHex(entry)) ?? (unless && tags.get(toHex(unless)));
}

/** An entry with what it sealed; `null` where it was blanked. */
function contentOf(entry: KeptEntry | undefined): StoredEntry | null {
  if (entry === undefined || entry.sealed === null) return null;
  const { counter, chat, entry: tag, sealed } = entry;
  return { counter, chat, entry: tag, sealed };
}

function weightOf({ sealed }: StoredEntry): number {
  return sealed.length + ENTRY_OVERHEAD_BYTES;
}

function chatWeight({ note }: StoredChat): number {
  return CHAT_OVERHEAD_BYTES + (note?.length ?? 0);
}

/** The first items that make a page; the very first is on it in any case. */
function fitting<T>(items: readonly T[], limit: number, maxBytes: number, weigh: (item: T) => number): T[] {
  const page: T[] = [];
  let bytes = 0;
  for (const item of items.slice(0, limit)) {
    bytes += weigh(item);
    if (page.length > 0 && bytes > maxBytes) break;
    page.push(item);
  }
  return page;
}

function connectionLost(): StoreError {
  return new StoreError("retry", "08006", undefined, "the connection was lost");
}
