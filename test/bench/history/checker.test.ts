/** The history checker lets good histories pass and finds each way in which one can be bad. */
import t from "tap";
import { checkHistory } from "../../../bench/history/checker.js";
import type {
  ArchivedMessage,
  ArchiveRecord,
  FaultEvent,
  HistoryEvent,
} from "../../../bench/history/events.js";
import { describeViolation, isClean } from "../../../bench/history/verdict.js";
import { RecordedHistory } from "./recorded-history.js";

const NONE = { lost: 0, duplicated: 0, reordered: 0, invented: 0 };

t.test("a history in which everything arrived once and in order is clean", async (t) => {
  const history = new RecordedHistory();
  for (let i = 0; i < 10; i++) history.exchange("alice", i % 2 === 0 ? "bob" : "carol");
  for (let i = 0; i < 5; i++) history.exchange("bob", "alice");
  const { counts, violations } = history.check();
  t.same(counts, { sent: 15, accepted: 15, received: 15, ...NONE });
  t.same(violations, []);
  t.ok(isClean(counts));
});

t.test("an empty history is clean", async (t) => {
  t.same(checkHistory([], []).counts, { sent: 0, accepted: 0, received: 0, ...NONE });
});

t.test("messages of different senders and conversations may stand in any order", async (t) => {
  const history = new RecordedHistory();
  history.exchange("alice", "bob");
  history.exchange("carol", "bob");
  history.exchange("bob", "carol");
  history.archive("bob").reverse();
  t.same(history.check().counts, { sent: 3, accepted: 3, received: 3, ...NONE });
});

t.test("a message that was never accepted may stand or not", async (t) => {
  const history = new RecordedHistory();
  history.send("alice", "bob");
  history.deliver(history.send("alice", "bob"));
  history.exchange("alice", "bob");
  t.same(history.check().counts, { sent: 3, accepted: 1, received: 2, ...NONE });
});

t.test("a message that was never accepted stands at most once, and in its place", async (t) => {
  const history = new RecordedHistory();
  const unanswered = history.send("alice", "bob");
  history.exchange("alice", "bob");
  history.deliver(unanswered);
  history.deliver(unanswered);
  const { counts } = history.check();
  t.match(counts, { ...NONE, reordered: 2, duplicated: 2 }, "in the sender's archive and in the recipient's");
});

t.test("a finally refused message may stand once, wherever that is", async (t) => {
  const history = new RecordedHistory();
  const refused = history.send("alice", "bob");
  history.refuse(refused);
  history.exchange("alice", "bob");
  history.archive("bob").push(history.entryOf(refused));
  t.match(history.check().counts, { ...NONE, sent: 2, accepted: 1 });
  history.archive("bob").push(history.entryOf(refused));
  t.match(history.check().counts, { ...NONE, duplicated: 1 });
});

t.test("of a recipient who was refused nothing is asked", async (t) => {
  const history = new RecordedHistory();
  const message = history.send("alice", "bob", "carol");
  history.accept(message, ["carol"]);
  history.archive("alice").push(history.entryOf(message));
  history.archive("bob").push(history.entryOf(message));
  t.match(history.check().counts, { ...NONE, received: 1 });
});

t.test(
  "of a message whose every recipient was refused nothing is asked, of its sender neither",
  async (t) => {
    const history = new RecordedHistory();
    history.accept(history.send("alice", "bob"), ["bob"]);
    t.match(history.check().counts, { ...NONE, received: 0 });
  },
);

t.test("a lost message is found, with its device, its times and the faults around it", async (t) => {
  const history = new RecordedHistory();
  history.exchange("alice", "bob");
  const fault: FaultEvent = {
    type: "fault",
    at: history.now,
    until: history.now + 5,
    kind: "kill",
    target: "system",
  };
  const longAgo: FaultEvent = { ...fault, at: -1_000_000, until: -900_000 };
  history.events.push(longAgo, fault);
  const lost = history.exchange("alice", "bob");
  history.archive("bob").pop();
  const { counts, violations } = history.check();
  t.match(counts, { ...NONE, lost: 1, received: 1 });
  t.match(violations, [{ kind: "lost", message: lost, account: "bob", device: "alice/1", faults: [fault] }]);
  t.equal(violations[0]?.faults.length, 1);
  t.ok(violations[0]?.sentAt !== null && violations[0]?.acceptedAt !== null);
  t.match(describeViolation(violations[0] as NonNullable<(typeof violations)[0]>), /kill of system/);
});

t.test("a message that is missing from its sender's own archive is lost", async (t) => {
  const history = new RecordedHistory();
  history.exchange("alice", "bob");
  history.archive("alice").pop();
  t.match(history.check(), {
    counts: { ...NONE, lost: 1 },
    violations: [{ kind: "lost", account: "alice" }],
  });
});

t.test("all that concerns an account whose archive was not read is lost", async (t) => {
  const history = new RecordedHistory();
  history.exchange("alice", "bob");
  history.exchange("bob", "alice");
  history.archives.delete("bob");
  t.match(history.check().counts, { ...NONE, lost: 2, received: 1 });
});

t.test("a doubled message is found", async (t) => {
  const history = new RecordedHistory();
  const doubled = history.exchange("alice", "bob");
  history.exchange("alice", "bob");
  history.archive("bob").push(history.entryOf(doubled));
  t.match(history.check(), {
    counts: { ...NONE, duplicated: 1, received: 2 },
    violations: [{ kind: "duplicated", message: doubled, account: "bob" }],
  });
});

t.test("swapped messages are found, in the recipient's archive and in the sender's", async (t) => {
  for (const account of ["alice", "bob"]) {
    const history = new RecordedHistory();
    const first = history.exchange("alice", "bob");
    const second = history.exchange("alice", "bob");
    history.archive(account).reverse();
    t.match(history.check(), {
      counts: { ...NONE, reordered: 1 },
      violations: [{ kind: "reordered", message: first, other: second, account }],
    });
  }
});

t.test("messages of two devices have no order among them, and each device's have one", async (t) => {
  const history = new RecordedHistory();
  const phone = [
    history.exchangeFrom("phone", "alice", "bob"),
    history.exchangeFrom("phone", "alice", "bob"),
  ];
  history.exchangeFrom("laptop", "alice", "bob");
  const archive = history.archive("bob");
  archive.unshift(...archive.splice(2));
  t.match(history.check().counts, NONE);
  archive.reverse();
  t.match(history.check().violations, [{ kind: "reordered", message: phone[0], device: "phone" }]);
});

t.test("what was never sent so is invented", async (t) => {
  const bad: Readonly<Record<string, Partial<ReturnType<RecordedHistory["entryOf"]>>>> = {
    "an unknown message": { message: "nobody's" },
    "another text": { digest: "of another text" },
    "another sender": { sender: "carol" },
    "another conversation": { conversation: "bob+carol" },
  };
  for (const [what, change] of Object.entries(bad)) {
    const history = new RecordedHistory();
    const message = history.send("alice", "bob");
    history.archive("bob").push({ ...history.entryOf(message), ...change });
    t.match(history.check().counts, { ...NONE, invented: 1 }, what);
  }
});

t.test("an accepted message with another text is invented, and the true one lost", async (t) => {
  const history = new RecordedHistory();
  const message = history.exchange("alice", "bob");
  history.archive("bob").splice(0, 1, { ...history.entryOf(message), digest: "of another text" });
  t.match(history.check().counts, { ...NONE, invented: 1, lost: 1 });
});

t.test("a message in the archive of somebody it was not sent to is invented", async (t) => {
  const history = new RecordedHistory();
  const message = history.exchange("alice", "bob");
  history.archive("carol").push(history.entryOf(message));
  t.match(history.check(), { counts: { ...NONE, invented: 1 }, violations: [{ account: "carol" }] });
});

t.test("a receipt of what was never sent is invented", async (t) => {
  const history = new RecordedHistory();
  const message = history.exchange("alice", "bob");
  history.receive(message, "bob");
  t.match(history.check().counts, NONE);
  history.events.push({ ...history.receiptOf(message, "bob"), start: 1, digest: "of another text" });
  t.match(history.check().counts, { ...NONE, invented: 1 });
});

t.test("one message dropped in a thousand is found each time", async (t) => {
  const history = new RecordedHistory();
  const sent = Array.from({ length: 5_000 }, (_, i) =>
    history.exchange(`p${i % 7}`, `p${(i + 1 + (i % 5)) % 7}`),
  );
  const dropped = new Set(sent.filter((_, i) => i % 1_000 === 999));
  for (const [account, entries] of history.archives) {
    const kept = entries.filter(({ message, sender }) => sender === account || !dropped.has(message));
    history.archives.set(account, kept);
  }
  const { counts, violations } = history.check();
  t.match(counts, { ...NONE, lost: 5, received: 4_995 });
  t.same(new Set(violations.map(({ message }) => message)), dropped);
});

t.test("a recipient that passes over its archive's `had` after a crash is caught", async (t) => {
  const history = new RecordedHistory();
  const sent = Array.from({ length: 20 }, () => history.exchange("alice", "bob"));
  // Archived, and its acknowledgement lost with the connection: what was on the way comes and is entered once more.
  history.archive("bob").splice(12, 0, ...sent.slice(8, 12).map((message) => history.entryOf(message)));
  t.match(history.check().counts, { ...NONE, duplicated: 4 });
});

t.test("a server that answers before it commits is caught when it dies in between", async (t) => {
  const history = new RecordedHistory();
  for (let i = 0; i < 50; i++) {
    const message = history.send("alice", "bob");
    history.accept(message);
    history.archive("alice").push(history.entryOf(message));
    const committed = i < 20 || i >= 24;
    if (committed) history.archive("bob").push(history.entryOf(message));
    if (i === 24) {
      history.events.push({
        type: "fault",
        at: history.now,
        until: history.now + 9,
        kind: "kill",
        target: "system",
      });
    }
  }
  const { counts, violations } = history.check();
  t.match(counts, { ...NONE, lost: 4 });
  t.ok(violations.every(({ faults }) => faults[0]?.kind === "kill"));
});

t.test("counts have all violations where the list has the first ones", async (t) => {
  const history = new RecordedHistory();
  for (let i = 0; i < 500; i++) history.exchange("alice", "bob");
  history.archive("bob").length = 0;
  const { counts, violations } = history.check();
  t.equal(counts.lost, 500);
  t.equal(violations.length, 20);
});

t.test("a history that cannot be is an error, not a verdict", async (t) => {
  const sent: HistoryEvent = {
    type: "sent",
    at: 0,
    device: "d",
    account: "alice",
    conversation: "c",
    message: "m",
    recipients: ["bob"],
    digest: "x",
  };
  t.throws(() => checkHistory([sent, sent], []), /sent twice/);
  t.throws(() => checkHistory([{ type: "accepted", at: 0, message: "m", refused: [] }], []), /never sent/);
  const archive: ArchiveRecord = { account: "alice", device: null, entries: [] };
  t.throws(() => checkHistory([], [archive, archive]), /given twice/);
});

t.test("an answer stands as it was first given", async (t) => {
  const history = new RecordedHistory();
  const message = history.exchange("alice", "bob");
  history.accept(message, ["bob"]);
  history.refuse(message);
  history.archive("bob").pop();
  t.match(history.check().counts, { ...NONE, lost: 1, accepted: 1 });
});

/** Alice on two devices, who wrote to bob from both; he wrote back. */
function onTwoDevices(): { readonly history: RecordedHistory; readonly messages: readonly string[] } {
  const history = new RecordedHistory();
  const messages = [
    history.exchangeFrom("alice/1", "alice", "bob"),
    history.exchangeFrom("alice/2", "alice", "bob"),
    history.exchange("bob", "alice"),
  ];
  return { history, messages };
}

t.test("every device of an account shows what stands there", async (t) => {
  const { history } = onTwoDevices();
  history.show("alice", "alice/1", history.archive("alice"));
  history.show("alice", "alice/2", [...history.archive("alice")]);
  t.same(history.check().counts, { sent: 3, accepted: 3, received: 3, ...NONE });
});

t.test("a device that shows another history is found", async (t) => {
  const moves: readonly (readonly [
    what: string,
    bend: (entries: ArchivedMessage[]) => void,
    found: object,
  ])[] = [
    ["one missing", (entries) => void entries.splice(1, 1), { lost: 1 }],
    ["one twice", (entries) => void entries.push(...entries.slice(0, 1)), { duplicated: 1 }],
    ["two exchanged", (entries) => void entries.reverse(), { reordered: 2 }],
    [
      "other words",
      (entries) => void entries.splice(0, 1, { ...pick(entries, 0), digest: "else" }),
      { invented: 1 },
    ],
    [
      "a stranger",
      (entries) => void entries.push({ ...pick(entries, 0), message: "never sent" }),
      { invented: 1 },
    ],
  ];
  for (const [what, bend, found] of moves) {
    const { history } = onTwoDevices();
    const entries = [...history.archive("alice")];
    bend(entries);
    history.show("alice", "alice/2", entries);
    const { counts, violations } = history.check();
    t.match(counts, { ...NONE, ...found }, what);
    t.match(violations[0]?.detail, "alice/2", `${what}: whose view it is`);
  }
});

t.test("what is handed to a device twice by one start of it is found; by two it may be", async (t) => {
  const { history, messages } = onTwoDevices();
  const receipt = history.receiptOf(messages[2] ?? "", "alice");
  const mirror = history.mirrorOf(messages[0] ?? "", "alice/2");
  history.events.push(receipt, { ...receipt, device: "alice/2" }, { ...receipt, start: 1 }, mirror);
  t.match(history.check().counts, NONE);
  history.events.push(mirror);
  t.match(history.check().counts, { ...NONE, duplicated: 1 });
  history.events.push(receipt);
  t.match(history.check().counts, { ...NONE, duplicated: 2 });
});

t.test("a device is told only of what another device of its account has sent", async (t) => {
  const { history, messages } = onTwoDevices();
  history.events.push(history.mirrorOf(messages[0] ?? "", "alice/1"));
  t.match(history.check().violations, [{ kind: "invented", detail: /it sent it itself/ }]);
  const other = history.mirrorOf(messages[1] ?? "", "bob/1");
  history.events.push({ ...other, account: "bob" });
  t.match(history.check().counts, { ...NONE, invented: 2 }, "nor of somebody else's");
  history.events.push({ ...history.mirrorOf(messages[1] ?? "", "alice/1"), digest: "else" });
  t.match(history.check().counts, { ...NONE, invented: 3 }, "nor with other words");
});

t.test("a view comes behind its archive", async (t) => {
  const view = { account: "alice", device: "alice/2", entries: [] };
  t.throws(() => checkHistory([], [view]), /before the archive/);
});

function pick(entries: readonly ArchivedMessage[], index: number): ArchivedMessage {
  const entry = entries[index];
  if (entry === undefined) throw new Error(`there is no entry ${index}`);
  return entry;
}
