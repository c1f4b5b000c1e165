import { Chalk } from "chalk";
import t from "tap";
import { chatJson, chatLines } from "../../../src/client/cli/format-chats.js";
import type { ChatSummary, HistoryEntry } from "../../../src/client/core/messages.js";

process.env["TZ"] = "UTC";
const plain = new Chalk({ level: 0 });
const at = Date.UTC(2026, 0, 2, 3, 4, 5);

function chat(other: string, change: Partial<ChatSummary> = {}, text = "hello"): ChatSummary {
  const newest = {
    id: "01".repeat(16),
    from: other,
    to: "me",
    text,
    at,
    direction: "received",
    counter: 7,
  } as HistoryEntry;
  return {
    with: other,
    group: null,
    unread: 0,
    newest,
    pinned: false,
    mutedUntil: 0,
    draft: "",
    read: 7,
    counter: 7,
    ...change,
  };
}

const lines = (...chats: readonly ChatSummary[]): string[] => chatLines(chats, "me", plain);

t.test("a chat is a line: name, what is unread, when and what was said last", async (t) => {
  t.same(lines(chat("alice", { unread: 3 }), chat("bo")), [
    "alice    3  [2026-01-02 03:04:05] alice: hello",
    "bo          [2026-01-02 03:04:05] bo: hello",
  ]);
  t.match(lines(chat("bob", { unread: 100 })), [/ 99\+ /]);
  t.match(lines(chat("me")), [/ you: hello$/]);
  t.same(lines(), []);
});

t.test("pinned, muted for now, and with a draft", async (t) => {
  const mutedUntil = Date.now() + 60_000;
  t.match(lines(chat("bob", { pinned: true, mutedUntil, draft: "x" })), [/ {2}\(pinned, muted, draft\) \[/]);
  t.notMatch(lines(chat("bob", { mutedUntil: Date.now() - 1 }))[0], /muted/);
});

t.test("of a text its first line is shown, cut short and harmless", async (t) => {
  t.match(lines(chat("bob", {}, "one\ntwo")), [/: one$/]);
  t.match(lines(chat("bob", {}, "\u001b[2Jx")), [/: \u241b\[2Jx$/]);
  const [long] = lines(chat("bob", {}, "\u{1f600}".repeat(100)));
  t.equal([...(long?.split(": ").at(-1) ?? "")].length, 60);
  t.ok(long?.endsWith("…"));
  t.match(lines(chat("", { newest: null })), [/^unknown/]);
});

t.test("as an object for programs", async (t) => {
  t.same(JSON.parse(chatJson(chat("bob", { unread: 2, mutedUntil: at }))), {
    with: "bob",
    unread: 2,
    pinned: false,
    mutedUntil: "2026-01-02T03:04:05.000Z",
    draft: "",
    newest: {
      id: "01".repeat(16),
      from: "bob",
      to: "me",
      text: "hello",
      at: "2026-01-02T03:04:05.000Z",
      direction: "received",
      counter: 7,
    },
  });
  t.match(JSON.parse(chatJson(chat("bob", { newest: null }))), { newest: null, mutedUntil: null });
});
