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
/** The most entries in one append or one page. */
export const MAX_ENTRIES = 500;

const Tag = Binary(TAG_BYTES, TAG_BYTES);
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
const Ping = Type.Object({ type: Type.Literal("ping"), ref: Ref });

export const ArchiveRequest = Type.Union([Create, Open, Append, Before, After, Find, Ping]);
export type ArchiveRequest = Static<typeof ArchiveRequest>;

/** Reply to `create` and `open`: `counter` is that of the newest entry, 0 where there is none. */
const Opened = Type.Object({
  type: Type.Literal("opened"),
  ref: Ref,
  counter: Counter,
  /** Either side is taken for dead when nothing came from it for this long, in milliseconds. */
  idleMs: Counter,
});
/** Reply to `append`: committed. In the order of the entries: `had` says that the tag was there before, with its counter. */
const Appended = Type.Object({
  type: Type.Literal("appended"),
  ref: Ref,
  results: Type.Array(Type.Object({ counter: Counter, had: Type.Boolean() }), { maxItems: MAX_ENTRIES }),
});
/** Reply to `before`, `after` and `find`. `more` says whether the same direction goes on. */
const Page = Type.Object({
  type: Type.Literal("page"),
  ref: Ref,
  entries: Type.Array(
    Type.Object({ counter: Counter, chat: Tag, entry: Tag, sealed: Binary(1, MAX_ENTRY_BYTES) }),
    { maxItems: MAX_ENTRIES },
  ),
  more: Type.Boolean(),
});
const Pong = Type.Object({ type: Type.Literal("pong"), ref: Ref });
/** Reply to a request that failed; nothing of it was done. */
const Failed = Type.Object({
  type: Type.Literal("failed"),
  ref: Ref,
  code: Type.String({ minLength: 1, maxLength: 40 }),
  message: Type.String({ maxLength: 500 }),
});

export const ArchiveReply = Type.Union([Opened, Appended, Page, Pong, Failed]);
export type ArchiveReply = Static<typeof ArchiveReply>;

export const archiveRequests = controlCodec(ArchiveRequest);
export const archiveReplies = controlCodec(ArchiveReply);
