/** Messages between a client and the archive (PROTOCOL.md, "Archive"). Every request has a `ref`, every reply names it. */
import Type, { type Static } from "#typebox";
import { controlCodec } from "./codec.js";
import { ArchiveIdSchema, Binary, Counter, Ref } from "./schema.js";

/** Bytes of chat tags and entry tags: HMAC-SHA256 under the account's index key. */
export const TAG_BYTES = 32;
/** Bytes of an archive token. */
export const ARCHIVE_TOKEN_BYTES = 32;
/** The largest sealed entry. */
export const MAX_ENTRY_BYTES = 512 * 1024;
/** More than an archive holds: one that tells of more is a liar, whose tale must end. */
export const MOST_ARCHIVE_ENTRIES = 2 ** 24;
/** The most entries in one append or one page. */
export const MAX_ENTRIES = 500;
/** Bytes of an entry's hash: SHA-256 over its tags and what it seals. */
export const ENTRY_HASH_BYTES = 32;
/** The largest sealed note that clients keep on a chat. */
export const MAX_CHAT_NOTE_BYTES = 8 * 1024;
/** The largest sealed checkpoint. */
export const MAX_CHECKPOINT_BYTES = 1024;
/** Bytes of a file's random id. */
export const FILE_ID_BYTES = 16;
/** The most chunks of one file. */
export const MAX_FILE_CHUNKS = 4_096;
/** The most counters that one request blanks. */
export const MAX_BLANK_SPAN = 10_000;

const Tag = Binary(TAG_BYTES, TAG_BYTES);
const FileId = Binary(FILE_ID_BYTES, FILE_ID_BYTES);
const ChunkNumber = Type.Integer({ minimum: 0, maximum: MAX_FILE_CHUNKS - 1 });
const Token = Binary(ARCHIVE_TOKEN_BYTES, ARCHIVE_TOKEN_BYTES);
const Limit = Type.Integer({ minimum: 1, maximum: MAX_ENTRIES });

/** Makes an archive, once, on a voucher of the balancer that names no account, and opens it. Idempotent for id and token. */
const Create = Type.Object({
  type: Type.Literal("create"),
  ref: Ref,
  voucher: Binary(1, 512),
  archive: ArchiveIdSchema,
  token: Token,
});
/** Opens an archive on this connection. An unknown id and a wrong token are answered alike: `noSuchArchive`. */
const Open = Type.Object({ type: Type.Literal("open"), ref: Ref, archive: ArchiveIdSchema, token: Token });
/**
 * Adds entries in order, idempotently by entry tag. One that names another tag in `unless` is not added either where an
 * entry of that tag stands: it then counts as had, with that entry's counter.
 */
const Append = Type.Object({
  type: Type.Literal("append"),
  ref: Ref,
  entries: Type.Array(
    Type.Object({
      chat: Tag,
      entry: Tag,
      unless: Type.Optional(Tag),
      sealed: Binary(1, MAX_ENTRY_BYTES),
    }),
    { minItems: 1, maxItems: MAX_ENTRIES },
  ),
});
/** Reads backwards: entries with a counter below `before` (or the newest), newest first; of one chat if it is named. */
const Before = Type.Object({
  type: Type.Literal("before"),
  ref: Ref,
  chat: Type.Optional(Tag),
  before: Type.Optional(Counter),
  limit: Limit,
});
/** Reads forward: entries with a counter above `after`, oldest first; of one chat if it is named. */
const After = Type.Object({
  type: Type.Literal("after"),
  ref: Ref,
  chat: Type.Optional(Tag),
  after: Counter,
  limit: Limit,
});
/** Finds one entry by its tag. */
const Find = Type.Object({ type: Type.Literal("find"), ref: Ref, entry: Tag });
/** Reads what is known of the chats, the one with the newest entry first; below the counter `before` if it is given. */
const Chats = Type.Object({
  type: Type.Literal("chats"),
  ref: Ref,
  before: Type.Optional(Counter),
  limit: Limit,
});
/** Writes the note on a chat that has entries, if `version` is that of the note it replaces (0: there is none). */
const SetChat = Type.Object({
  type: Type.Literal("setChat"),
  ref: Ref,
  chat: Tag,
  version: Counter,
  note: Binary(1, MAX_CHAT_NOTE_BYTES),
});
/**
 * Waits for what other connections add: answered at once where entries above the counter `after`, or notes on chats above
 * `revision`, stand already, and with nothing after a while. One at a time on a connection.
 */
const Follow = Type.Object({
  type: Type.Literal("follow"),
  ref: Ref,
  after: Counter,
  revision: Counter,
  limit: Limit,
});
/** Reads forward what entries are known by: their tags and hashes, also of those that were blanked. */
const Digests = Type.Object({ type: Type.Literal("digests"), ref: Ref, after: Counter, limit: Limit });
/** Reads the checkpoint, or, with `sealed`, replaces it if `version` is that of the one it replaces (0: there is none). */
/** Makes room for a file of so many chunks, which have so many bytes together. */
const BeginFile = Type.Object({
  type: Type.Literal("beginFile"),
  ref: Ref,
  file: FileId,
  chunks: Type.Integer({ minimum: 1, maximum: MAX_FILE_CHUNKS }),
  bytes: Counter,
  voucher: Binary(1, 512),
});
/** Stores one chunk. */
const PutChunk = Type.Object({
  type: Type.Literal("putChunk"),
  ref: Ref,
  file: FileId,
  number: ChunkNumber,
  sealed: Binary(1, MAX_ENTRY_BYTES),
});
const GetChunk = Type.Object({
  type: Type.Literal("getChunk"),
  ref: Ref,
  file: FileId,
  number: ChunkNumber,
});
/** Takes what they sealed from a chat's entries with those counters. */
const Blank = Type.Object({
  type: Type.Literal("blank"),
  ref: Ref,
  chat: Tag,
  from: Counter,
  /** At most {@link MAX_BLANK_SPAN} counters from the first. */
  to: Counter,
});
const Checkpoint = Type.Object({
  type: Type.Literal("checkpoint"),
  ref: Ref,
  replace: Type.Optional(Type.Object({ version: Counter, sealed: Binary(1, MAX_CHECKPOINT_BYTES) })),
});
const Ping = Type.Object({ type: Type.Literal("ping"), ref: Ref });

export const ArchiveRequest = Type.Union([
  Create,
  Open,
  Append,
  Before,
  After,
  Find,
  Chats,
  SetChat,
  Follow,
  Digests,
  Blank,
  BeginFile,
  PutChunk,
  GetChunk,
  Checkpoint,
  Ping,
]);
export type ArchiveRequest = Static<typeof ArchiveRequest>;

/** Reply to `create` and `open`: the counter of the newest entry, 0 where there is none, and the writes of notes so far. */
const Opened = Type.Object({
  type: Type.Literal("opened"),
  ref: Ref,
  counter: Counter,
  revision: Counter,
  /** Either side is taken for dead when nothing came from it for this long, in milliseconds. */
  idleMs: Counter,
});
/** Reply to `append`: committed. In the order of the entries: `had` says that the tag was there before, with its counter. */
const Appended = Type.Object({
  type: Type.Literal("appended"),
  ref: Ref,
  results: Type.Array(Type.Object({ counter: Counter, had: Type.Boolean() }), { maxItems: MAX_ENTRIES }),
});
const Entry = Type.Object({ counter: Counter, chat: Tag, entry: Tag, sealed: Binary(1, MAX_ENTRY_BYTES) });
/** Reply to `before`, `after` and `find`. `more` says whether the same direction goes on. */
const Page = Type.Object({
  type: Type.Literal("page"),
  ref: Ref,
  entries: Type.Array(Entry, { maxItems: MAX_ENTRIES }),
  more: Type.Boolean(),
});
/**
 * A chat: the counter of its newest entry, and the note on it. `version` counts the writes of that note (0: there is none),
 * and `revision` is when it was last written, in writes of such notes in this archive.
 */
const Chat = Type.Object({
  chat: Tag,
  newest: Counter,
  version: Counter,
  revision: Counter,
  note: Type.Optional(Binary(1, MAX_CHAT_NOTE_BYTES)),
});
/** Reply to `chats`; `latest` has the newest entries of these chats, as far as they fit and were not blanked. */
const ChatPage = Type.Object({
  type: Type.Literal("chatPage"),
  ref: Ref,
  chats: Type.Array(Chat, { maxItems: MAX_ENTRIES }),
  latest: Type.Array(Entry, { maxItems: MAX_ENTRIES }),
  more: Type.Boolean(),
});
/** Reply to `setChat`: the chat as it is now, and whether this request wrote its note. */
const ChatSet = Type.Object({ type: Type.Literal("chatSet"), ref: Ref, chat: Chat, written: Type.Boolean() });
/** Reply to `follow`. `more` says whether there are further entries or notes already. */
const News = Type.Object({
  type: Type.Literal("news"),
  ref: Ref,
  entries: Type.Array(Entry, { maxItems: MAX_ENTRIES }),
  chats: Type.Array(Chat, { maxItems: MAX_ENTRIES }),
  more: Type.Boolean(),
});
/** Reply to `digests`: consecutive, from the counter behind `after`. */
const DigestPage = Type.Object({
  type: Type.Literal("digestPage"),
  ref: Ref,
  digests: Type.Array(
    Type.Object({ chat: Tag, entry: Tag, hash: Binary(ENTRY_HASH_BYTES, ENTRY_HASH_BYTES) }),
    { maxItems: MAX_ENTRIES },
  ),
  more: Type.Boolean(),
});
/** Reply to `checkpoint`: the one that stands now, and whether this request wrote it. */
const CheckpointState = Type.Object({
  type: Type.Literal("checkpointState"),
  ref: Ref,
  version: Counter,
  sealed: Type.Optional(Binary(1, MAX_CHECKPOINT_BYTES)),
  written: Type.Boolean(),
});
/** Reply to `blank`: how many entries there were that still sealed something. */
const Blanked = Type.Object({ type: Type.Literal("blanked"), ref: Ref, count: Counter });
/** Reply to `beginFile` and `putChunk`. */
const Done = Type.Object({ type: Type.Literal("done"), ref: Ref });
const Chunk = Type.Object({
  type: Type.Literal("chunk"),
  ref: Ref,
  sealed: Binary(1, MAX_ENTRY_BYTES),
});
const Pong = Type.Object({ type: Type.Literal("pong"), ref: Ref });
/** Reply to a request that failed; nothing of it was done. */
const Failed = Type.Object({
  type: Type.Literal("failed"),
  ref: Ref,
  code: Type.String({ minLength: 1, maxLength: 40 }),
  message: Type.String({ maxLength: 500 }),
});

export const ArchiveReply = Type.Union([
  Opened,
  Appended,
  Page,
  ChatPage,
  ChatSet,
  News,
  DigestPage,
  CheckpointState,
  Blanked,
  Done,
  Chunk,
  Pong,
  Failed,
]);
export type ArchiveReply = Static<typeof ArchiveReply>;

export const archiveRequests = controlCodec(ArchiveRequest);
export const archiveReplies = controlCodec(ArchiveReply);
