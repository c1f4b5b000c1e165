/** The chats of the archive: whom this person talks with, what is unread, and the notes that all devices share on them. */
import { MAX_DRAFT_LENGTH, NO_NOTE, type ChatNote } from "../../crypto/chat-note.js";
import { equalBytes, toHex } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId, ConversationId } from "../../protocol/ids.js";
import type { Archive, ArchivedChat, PageEntry } from "./archive.js";
import { lineOf, withNames, type Line, type LineContext } from "./history-lines.js";
import type { ChatChange, ChatList, ChatSummary, HistoryEntry } from "./messages.js";
import { outOfOrder } from "./page-entries.js";
import { RecentMap } from "./recent-map.js";

export interface ChatsContext extends LineContext {
  /** Entries with a counter up to this one are not shown here. */
  readonly historyAfter: () => number;
  readonly archive: Pick<Archive, "read" | "ask">;
}

/** What is said of a chat, before its accounts have names. */
interface Sketch {
  readonly chat: ArchivedChat;
  readonly note: ChatNote;
  readonly newest: Line;
  readonly unread: number;
}

interface KnownNote {
  readonly version: number;
  readonly note: ChatNote;
}

/** Unread messages are counted up to this many. */
export const MOST_UNREAD = 100;
/** Entries that are looked through for unread messages of one chat, in pages of this size. */
const UNREAD_PAGE = 100;
const UNREAD_PAGES = 5;
/** Entries that are looked through for the newest that is seen, in pages of this size. */
const UNSEEN_PAGE = 10;
const MOST_UNSEEN = 100;
/** Notes that are remembered, so that writing one need not begin with reading it. */
const REMEMBERED = 1_000;
/** How often a note is written anew because another device wrote it meanwhile. */
const MOST_TRIES = 10;

export class Chats {
  readonly #context: ChatsContext;
  readonly #notes = new RecentMap<string, KnownNote>(REMEMBERED);
  /** Writes go one after the other: two of one device must not get into each other's way. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(context: ChatsContext) {
    this.#context = context;
  }

  /**
   * Chats, the one with the newest entry first.
   *
   * @param limit the most chats, 1 to 500
   * @param before only chats whose newest entry has a lower counter
   * @throws FastChatError what the archive answers
   */
  async list(limit: number, before: number | null): Promise<ChatList> {
    const { archive, entries, me } = this.#context;
    const historyAfter = this.#context.historyAfter();
    const page = await archive.ask(
      { type: "chats", limit, ...(before === null ? {} : { before }) },
      "chatPage",
    );
    const latest = new Map(page.latest.map((entry) => [entry.counter, entry]));
    const hidden = await Promise.all([
      entries.pins(),
      entries.deletions(),
      entries.groups(),
      entries.receiptsChat(),
    ]);
    const sketches: Sketch[] = [];
    let last = before ?? Infinity;
    for (const chat of page.chats) {
      // An archive that went round in circles would keep us reading for ever.
      if (chat.newest >= last) throw new FastChatError("badFrame", "The archive's chats are not in order.");
      last = chat.newest;
      if (last <= historyAfter) break;
      if (hidden.some((tag) => equalBytes(chat.chat, tag))) continue;
      const sketch = await this.#sketch(chat, latest.get(chat.newest));
      if (sketch !== null) sketches.push(sketch);
    }
    const lines = await withNames(
      this.#context,
      sketches.map(({ newest }) => newest),
    );
    const byCounter = new Map(lines.map((line) => [line.counter, line]));
    return {
      chats: sketches.map((sketch) => summaryOf(sketch, byCounter.get(sketch.newest.counter) ?? null, me)),
      next: page.more && page.chats.length > 0 && last > historyAfter + 1 ? last : null,
    };
  }

  /** What is kept on a chat; nothing where that is not known yet. */
  async noteOf(conversation: ConversationId): Promise<ChatNote> {
    const chat = await this.#context.entries.chat(conversation);
    return this.#notes.get(toHex(chat))?.note ?? NO_NOTE;
  }

  /**
   * What was typed and not sent, on whichever device.
   *
   * @returns empty where nothing was, or where the chat has no entry yet
   * @throws FastChatError what the archive answers
   */
  async draft(conversation: ConversationId): Promise<string> {
    const { archive, entries } = this.#context;
    const chat = await entries.chat(conversation);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const { entries: found } = await archive.read({ type: "before", chat, limit: 1 });
      const [newest] = found;
      if (newest === undefined) break;
      // The chat whose newest entry has that counter is this one, unless an entry came meanwhile.
      const { chats } = await archive.ask(
        { type: "chats", before: newest.counter + 1, limit: 1 },
        "chatPage",
      );
      const [there] = chats;
      if (there !== undefined && equalBytes(there.chat, chat)) return (await this.#noteOn(there)).draft;
    }
    return (await this.noteOf(conversation)).draft;
  }

  /**
   * Writes a note, as often as another device gets in between.
   *
   * @param change makes the new note of the one that stands; `null` where nothing is to be changed
   * @throws FastChatError `badRequest` where the chat has no entry yet; what the archive answers
   */
  change(conversation: ConversationId, change: (note: ChatNote) => ChatNote | null): Promise<void> {
    const writing = this.#writing.then(() => this.#change(conversation, change));
    this.#writing = writing.catch(() => undefined);
    return writing;
  }

  /** Another device has written notes. */
  async learn(chats: readonly ArchivedChat[]): Promise<void> {
    for (const chat of chats) await this.#noteOn(chat);
  }

  async #change(conversation: ConversationId, change: (note: ChatNote) => ChatNote | null): Promise<void> {
    const { archive, entries } = this.#context;
    const chat = await entries.chat(conversation);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const known = this.#notes.get(toHex(chat)) ?? { version: 0, note: NO_NOTE };
      const changed = change(known.note);
      if (changed === null) return;
      const note = await entries.sealNote(chat, known.version + 1, changed);
      const reply = await archive.ask({ type: "setChat", chat, version: known.version, note }, "chatSet");
      await this.#noteOn(reply.chat);
      if (reply.written) return;
    }
    throw new FastChatError("conflict", "Other devices keep changing this chat; try again.");
  }

  /** @returns `null` for a chat of which nothing is left to be seen */
  async #sketch(chat: ArchivedChat, latest: PageEntry | undefined): Promise<Sketch | null> {
    const note = await this.#noteOn(chat);
    const newest = await this.#newestLine(chat, latest);
    return newest === null ? null : { chat, note, newest, unread: await this.#unread(chat, note) };
  }

  /** The newest that people see of a chat: its newest entry may be deleted, or nothing to be shown. */
  async #newestLine({ chat, newest }: ArchivedChat, latest: PageEntry | undefined): Promise<Line | null> {
    // Another chat's entry would show this one's notes under another one's name.
    const own = latest !== undefined && equalBytes(latest.chat, chat) ? [latest] : [];
    const line = await this.#firstSeen(own, chat);
    if (line !== null) return line;
    let before = newest;
    for (let left = MOST_UNSEEN; left > 0; left -= UNSEEN_PAGE) {
      const { entries, more } = await this.#context.archive.read({
        type: "before",
        chat,
        before,
        limit: UNSEEN_PAGE,
      });
      const seen = await this.#firstSeen(entries, chat);
      if (seen !== null) return seen;
      const next = entries.at(-1)?.counter;
      if (!more || next === undefined) break;
      if (next >= before) throw outOfOrder();
      before = next;
    }
    return null;
  }

  async #firstSeen(entries: readonly PageEntry[], chat: Uint8Array): Promise<Line | null> {
    for (const entry of entries) {
      if (!equalBytes(entry.chat, chat) || entry.counter <= this.#context.historyAfter()) continue;
      const line = await lineOf(this.#context, entry);
      if (line !== null) return line;
    }
    return null;
  }

  /** A note that is damaged or not its own is none: the next that is written takes its place. */
  async #noteOn({ chat, version, note }: ArchivedChat): Promise<ChatNote> {
    const key = toHex(chat);
    const known = this.#notes.get(key);
    if (known !== undefined && known.version >= version) return known.note;
    let opened = NO_NOTE;
    try {
      if (note !== undefined) opened = await this.#context.entries.openNote(chat, version, note);
    } catch (error) {
      if (!(error instanceof FastChatError && error.code === "undecryptable")) throw error;
    }
    this.#notes.set(key, { version, note: opened });
    return opened;
  }

  async #unread({ chat, newest }: ArchivedChat, { read }: ChatNote): Promise<number> {
    let unread = 0;
    let after = Math.max(read, this.#context.historyAfter());
    for (let page = 0; page < UNREAD_PAGES && after < newest && unread < MOST_UNREAD; page++) {
      const { entries, more } = await this.#context.archive.read({
        type: "after",
        chat,
        after,
        limit: UNREAD_PAGE,
      });
      for (const entry of entries) {
        if (!equalBytes(entry.chat, chat)) continue;
        const line = await lineOf(this.#context, entry);
        const isNew = line?.direction === "received" || line?.direction === "waiting";
        // What is taken over from a file was read when it was written there.
        if (isNew && line.imported === undefined) unread += 1;
      }
      after = entries.at(-1)?.counter ?? newest;
      if (!more) break;
    }
    return Math.min(unread, MOST_UNREAD);
  }
}

/**
 * @returns the note with that change; `null` where it changes nothing
 * @throws FastChatError `badRequest`
 */
export function changedNote(note: ChatNote, { read, draft, ...change }: ChatChange): ChatNote | null {
  if (draft !== undefined && draft.length > MAX_DRAFT_LENGTH) {
    throw new FastChatError("badRequest", `A draft has at most ${MAX_DRAFT_LENGTH} characters.`);
  }
  const changed: ChatNote = {
    ...note,
    ...change,
    draft: draft ?? note.draft,
    read: Math.max(note.read, read ?? 0),
  };
  const same = (Object.keys(changed) as (keyof ChatNote)[]).every((key) => changed[key] === note[key]);
  return same ? null : changed;
}

function summaryOf(
  { chat, note, unread, newest: line }: Sketch,
  newest: HistoryEntry | null,
  me: AccountId,
): ChatSummary {
  const { pinned, mutedUntil, draft, read } = note;
  const mine = line.from === me;
  const group = newest?.group ?? null;
  const other = newest === null ? "" : mine || group !== null ? newest.to : newest.from;
  return { with: other, group, unread, newest, pinned, mutedUntil, draft, read, counter: chat.newest };
}
