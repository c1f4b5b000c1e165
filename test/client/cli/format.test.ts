import { Chalk } from "chalk";
import t from "tap";
import {
  historyJson,
  historyLine,
  isoTime,
  localTime,
  messageLine,
  receivedJson,
} from "../../../src/client/cli/format.js";
import type { ConversationId, MessageId } from "../../../src/protocol/ids.js";
import type { HistoryEntry, ReceivedMessage } from "../../../src/client/core/messages.js";

process.env["TZ"] = "UTC";
const plain = new Chalk({ level: 0 });
const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const id = "0192".padEnd(32, "0");
const told = { id, from: "alice", to: "bob", text: "hello", direction: "sent", counter: 7 } as const;
const entry: HistoryEntry = {
  ...told,
  id: id as MessageId,
  at,
  group: null,
  fromAccount: null,
  toAccounts: [],
  imported: false,
  file: null,
  receipts: null,
};

t.test("a message is a line with its local time and its sender", (t) => {
  t.equal(messageLine(at, "bob", "hello", plain), "[2026-01-02 03:04:05] bob: hello");
  t.equal(
    messageLine(at, "b\u001bob", "a\nb\u0007", plain),
    "[2026-01-02 03:04:05] b\u241bob: a\n    b\u2407",
  );
  t.end();
});

t.test("a time that is none is shown as unknown, and is null in JSON", (t) => {
  for (const bad of [0, -1, NaN, Infinity, 1e300]) {
    t.equal(localTime(bad), "unknown time");
    t.equal(isoTime(bad), null);
  }
  t.equal(isoTime(at), "2026-01-02T03:04:05.678Z");
  t.end();
});

t.test("JSON of a received message has id, from, text, at and conversation", (t) => {
  const message = { id, from: "bob", text: "hi", at, conversation: "c", fromAccount: "a", number: 3 };
  t.same(JSON.parse(receivedJson(message as unknown as ReceivedMessage)), {
    id,
    from: "bob",
    text: "hi",
    at: "2026-01-02T03:04:05.678Z",
    conversation: "c",
  });
  t.end();
});

t.test("history names the other end where more than one conversation is shown", (t) => {
  t.equal(historyLine(entry, false, plain), "[2026-01-02 03:04:05] alice: hello");
  t.equal(historyLine(entry, true, plain), "[2026-01-02 03:04:05] alice → bob: hello");
  t.same(JSON.parse(historyJson(entry)), { ...told, at: "2026-01-02T03:04:05.678Z" });
  t.end();
});

t.test("what others tell of a message stands behind it", (t) => {
  const group = { id: "0b".repeat(32) as ConversationId, title: "Climbing" };
  const cases = [
    [null, null, "hello"],
    [null, { recipients: 1, delivered: 0, read: 0 }, "hello"],
    [null, { recipients: 1, delivered: 1, read: 0 }, "hello (delivered)"],
    [null, { recipients: 1, delivered: 1, read: 1 }, "hello (read)"],
    [group, { recipients: 9, delivered: 7, read: 0 }, "hello (delivered to 7 of 9)"],
    [group, { recipients: 9, delivered: 7, read: 5 }, "hello (delivered to 7 of 9, read by 5)"],
    [group, { recipients: 0, delivered: 0, read: 0 }, "hello"],
  ] as const;
  for (const [where, receipts, line] of cases) {
    const shown = historyLine({ ...entry, group: where, receipts }, false, plain);
    t.equal(shown, `[2026-01-02 03:04:05] alice: ${line}`);
  }
  t.match(JSON.parse(historyJson({ ...entry, receipts: { recipients: 9, delivered: 7, read: 5 } })), {
    recipients: 9,
    delivered: 7,
    read: 5,
  });
  t.end();
});

t.test("what is not genuine, or cannot be checked yet, is told and not shown", (t) => {
  const odd = { ...entry, id: null, from: "", to: "", at: 0, text: "" };
  t.equal(
    historyLine({ ...odd, direction: "invalid" }, true, plain),
    "[unknown time] unknown: (not genuine; its content is not shown)",
  );
  t.match(historyLine({ ...odd, direction: "waiting" }, true, plain), /cannot be checked yet/);
  t.match(JSON.parse(historyJson({ ...odd, direction: "invalid" })), {
    id: null,
    at: null,
    direction: "invalid",
  });
  t.end();
});
