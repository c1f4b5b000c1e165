/** PROTOCOL.md, "Archive". */
import t from "tap";
import {
  ARCHIVE_TOKEN_BYTES,
  archiveReplies,
  archiveRequests,
  FILE_ID_BYTES,
  MAX_CHAT_NOTE_BYTES,
  MAX_CHECKPOINT_BYTES,
  MAX_ENTRIES,
  MAX_ENTRY_BYTES,
  TAG_BYTES,
  type ArchiveReply,
  type ArchiveRequest,
} from "../../src/protocol/archive.js";
import type { ArchiveId } from "../../src/protocol/ids.js";
import { holdToForm, refusesValues, takesValues, type Example } from "./control-messages.js";
import { write } from "./msgpack.js";

const archive = "0a".repeat(16) as ArchiveId;
const token = Buffer.alloc(ARCHIVE_TOKEN_BYTES, 1);
const chat = Buffer.alloc(TAG_BYTES, 2);
const entry = Buffer.alloc(TAG_BYTES, 3);
const sealed = Buffer.alloc(40, 4);
const file = Buffer.alloc(FILE_ID_BYTES, 6);

const create = { type: "create", ref: 1, voucher: Buffer.alloc(100, 5), archive, token } as const;
const open = { type: "open", ref: 2, archive, token } as const;
const append: Extract<ArchiveRequest, { type: "append" }> = {
  type: "append",
  ref: 3,
  entries: [
    { chat, entry, sealed },
    { chat: entry, entry: chat, sealed: Buffer.alloc(1) },
  ],
};
const before = { type: "before", ref: 4, chat, before: 17, limit: 50 } as const;
const after = { type: "after", ref: 5, chat, after: 0, limit: MAX_ENTRIES } as const;
const find = { type: "find", ref: 6, entry } as const;
const page: Extract<ArchiveReply, { type: "page" }> = {
  type: "page",
  ref: 7,
  entries: [{ counter: 9, chat, entry, sealed }],
  more: true,
};
const appended: Extract<ArchiveReply, { type: "appended" }> = {
  type: "appended",
  ref: 8,
  results: [{ counter: 9, had: false }],
};
const known = { chat, newest: 9, version: 0, revision: 0 };
const failed = { type: "failed", ref: 9, code: "quotaExceeded", message: "" } as const;

const requests: readonly Example<ArchiveRequest>[] = [
  { message: create },
  { message: open },
  { message: append },
  { message: before, optional: ["/chat", "/before"] },
  { message: { type: "before", ref: 4, limit: 1 } },
  { message: after, optional: ["/chat"] },
  { message: find },
  { message: { type: "chats", ref: 11, before: 9, limit: 3 }, optional: ["/before"] },
  { message: { type: "setChat", ref: 12, chat, version: 0, note: sealed } },
  { message: { type: "follow", ref: 13, after: 0, revision: 0, limit: 500 } },
  { message: { type: "digests", ref: 14, after: 0, limit: 500 } },
  { message: { type: "beginFile", ref: 17, file, chunks: 2, bytes: 300, voucher: sealed } },
  { message: { type: "putChunk", ref: 18, file, number: 0, sealed } },
  { message: { type: "getChunk", ref: 19, file, number: 1 } },
  { message: { type: "blank", ref: 16, chat, from: 1, to: 9 } },
  { message: { type: "checkpoint", ref: 15, replace: { version: 0, sealed } }, optional: ["/replace"] },
  { message: { type: "ping", ref: 10 } },
];
const replies: readonly ArchiveReply[] = [
  { type: "opened", ref: 1, counter: 0, revision: 0, idleMs: 10_000 },
  appended,
  page,
  { type: "chatPage", ref: 11, chats: [known], latest: page.entries, more: false },
  { type: "chatSet", ref: 12, chat: { ...known, note: sealed }, written: true },
  { type: "news", ref: 13, entries: page.entries, chats: [known], more: true },
  { type: "digestPage", ref: 14, digests: [{ chat, entry, hash: entry }], more: false },
  { type: "checkpointState", ref: 15, version: 1, sealed, written: false },
  { type: "blanked", ref: 16, count: 3 },
  { type: "done", ref: 17 },
  { type: "chunk", ref: 19, sealed },
  { type: "pong", ref: 10 },
  failed,
];

holdToForm(t, archiveRequests, requests);
holdToForm(
  t,
  archiveReplies,
  replies.map((message) => ({
    message,
    optional: message.type === "checkpointState" ? ["/sealed"] : ["/chat/note"],
  })),
);

t.test("a find's bytes, as a client in another language would write them", async (t) => {
  const bytes =
    "01" + // control
    "83" + // a map of three
    "a474797065" + // "type"
    "a466696e64" + // "find"
    "a3726566" + // "ref"
    "ce01020304" +
    "a5656e747279" + // "entry"
    "c420" +
    "03".repeat(32);
  t.same(archiveRequests.decode(Buffer.from(bytes, "hex")), { type: "find", ref: 0x01020304, entry });
});

t.test("requests are no replies, and replies no requests", async (t) => {
  for (const { message } of requests) {
    const frame = Buffer.concat([Buffer.of(1), write(message)]);
    t.throws(() => archiveReplies.decode(frame), { code: "badFrame" }, message.type);
  }
  for (const message of replies) {
    const frame = Buffer.concat([Buffer.of(1), write(message)]);
    t.throws(() => archiveRequests.decode(frame), { code: "badFrame" }, message.type);
  }
});

t.test("every field has its bounds", async (t) => {
  const ids = ["", archive.slice(2), `${archive}00`, archive.toUpperCase()];
  refusesValues(t, archiveRequests, open, "archive", ids);
  refusesValues(t, archiveRequests, open, "token", [Buffer.alloc(31), Buffer.alloc(33)]);
  takesValues(t, archiveRequests, create, "voucher", [Buffer.alloc(1), Buffer.alloc(512)]);
  refusesValues(t, archiveRequests, create, "voucher", [Buffer.alloc(0), Buffer.alloc(513)]);
  takesValues(t, archiveRequests, after, "limit", [1, MAX_ENTRIES]);
  refusesValues(t, archiveRequests, after, "limit", [0, -1, MAX_ENTRIES + 1, 1.5]);
  takesValues(t, archiveRequests, after, "after", [0, Number.MAX_SAFE_INTEGER]);
  refusesValues(t, archiveRequests, after, "after", [-1, 2 ** 53]);
  refusesValues(t, archiveRequests, before, "before", [-1, 2 ** 53]);
  const note = { type: "setChat", ref: 1, chat, version: 0, note: sealed } as const;
  takesValues(t, archiveRequests, note, "note", [Buffer.alloc(1), Buffer.alloc(MAX_CHAT_NOTE_BYTES)]);
  refusesValues(t, archiveRequests, note, "note", [Buffer.alloc(0), Buffer.alloc(MAX_CHAT_NOTE_BYTES + 1)]);
  const replacing = { type: "checkpoint", ref: 1, replace: { version: 0, sealed } } as const;
  refusesValues(t, archiveRequests, replacing, "replace", [
    { version: 0, sealed: Buffer.alloc(MAX_CHECKPOINT_BYTES + 1) },
    { version: -1, sealed },
  ]);
  for (const tag of [Buffer.alloc(0), Buffer.alloc(31), Buffer.alloc(33)]) {
    refusesValues(t, archiveRequests, before, "chat", [tag]);
    refusesValues(t, archiveRequests, find, "entry", [tag]);
    refusesValues(t, archiveRequests, append, "entries", [
      [{ chat: tag, entry, sealed }],
      [{ chat, entry: tag, sealed }],
    ]);
    refusesValues(t, archiveReplies, page, "entries", [[{ counter: 1, chat: tag, entry, sealed }]]);
  }
  for (const reply of replies) refusesValues(t, archiveReplies, reply, "ref", [-1, 2 ** 32]);
  refusesValues(t, archiveReplies, failed, "code", ["", "x".repeat(41)]);
  refusesValues(t, archiveReplies, failed, "message", ["x".repeat(501)]);
});

t.test("an append has one to five hundred entries, each of one byte to 512 KiB", async (t) => {
  const some = (count: number) => Array.from({ length: count }, () => ({ chat, entry, sealed }));
  takesValues(t, archiveRequests, append, "entries", [some(1), some(MAX_ENTRIES)]);
  refusesValues(t, archiveRequests, append, "entries", [[], some(MAX_ENTRIES + 1)]);
  const of = (bytes: number) => [{ chat, entry, sealed: Buffer.alloc(bytes) }];
  takesValues(t, archiveRequests, append, "entries", [of(1), of(MAX_ENTRY_BYTES)]);
  refusesValues(t, archiveRequests, append, "entries", [of(0), of(MAX_ENTRY_BYTES + 1)]);
});

t.test("a page may be empty, and has at most five hundred entries", async (t) => {
  const some = (count: number) => Array.from({ length: count }, () => ({ counter: 1, chat, entry, sealed }));
  takesValues(t, archiveReplies, page, "entries", [[], some(MAX_ENTRIES)]);
  refusesValues(t, archiveReplies, page, "entries", [some(MAX_ENTRIES + 1)]);
  const results = (count: number) => Array.from({ length: count }, () => ({ counter: 1, had: true }));
  takesValues(t, archiveReplies, appended, "results", [results(MAX_ENTRIES)]);
  refusesValues(t, archiveReplies, appended, "results", [results(MAX_ENTRIES + 1)]);
});
