/**
 * What people keep on a chat (PROTOCOL.md, "Notes on chats"), sealed for the archive: padded, and bound to archive, chat tag
 * and version, so that none can be moved, and an old one does not pass for a new one.
 */
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { pack, unpack } from "../protocol/codec.js";
import type { ArchiveId } from "../protocol/ids.js";
import { Counter } from "../protocol/schema.js";
import { pad, unpad } from "./padding.js";
import { open, seal, type SealContext } from "./sealed.js";
import { undecryptable } from "./undecryptable.js";

/** The longest draft, in UTF-16 code units. */
export const MAX_DRAFT_LENGTH = 1_000;

const Note = Type.Object({
  /** Counter of the newest entry that was read; 0 if none was. */
  read: Counter,
  pinned: Type.Boolean(),
  /** Milliseconds since 1970; 0 if it is not muted. */
  mutedUntil: Counter,
  /** What was typed and not sent. */
  draft: Type.String({ maxLength: MAX_DRAFT_LENGTH }),
});
/** Fields of later releases are kept as they came. */
export type ChatNote = Readonly<Static<typeof Note>>;

export const NO_NOTE: ChatNote = { read: 0, pinned: false, mutedUntil: 0, draft: "" };

/** Where a note stands. */
export interface NotePlace {
  readonly archive: ArchiveId;
  /** Chat tag, 32 bytes. */
  readonly chat: Uint8Array;
  /** Counts the notes on this chat, from 1. */
  readonly version: number;
}

const validator = Compile(Note);

/** @param key the archive key, 32 bytes */
export function sealChatNote(
  key: Uint8Array,
  place: NotePlace,
  note: ChatNote,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!validator.Check(note)) throw new RangeError("a note on a chat is not of its form");
  return seal(key, contextOf(place), pad(pack(note)));
}

/**
 * @param key the archive key, 32 bytes
 * @throws FastChatError `undecryptable`, alike for another place, another version, another key, damage and forgery
 */
export async function openChatNote(key: Uint8Array, place: NotePlace, sealed: Uint8Array): Promise<ChatNote> {
  const content = unpad(await open(key, contextOf(place), sealed));
  if (content === null) throw undecryptable();
  let note: unknown;
  try {
    note = unpack(content);
  } catch {
    throw undecryptable();
  }
  if (!validator.Check(note)) throw undecryptable();
  return note;
}

function contextOf({ archive, chat, version }: NotePlace): SealContext {
  return { format: 1, purpose: "archive-chat", owner: archive, generation: version, extra: [chat] };
}
