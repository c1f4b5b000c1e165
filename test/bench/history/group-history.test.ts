/** The history checker knows groups: who was in one when a message went to it has that message, and nobody else. */
import t from "tap";
import { RecordedHistory } from "./recorded-history.js";

const NONE = { lost: 0, duplicated: 0, reordered: 0, invented: 0 };

/** A group of these, made and answered. */
function groupOf(...members: string[]): RecordedHistory {
  const history = new RecordedHistory();
  for (const member of members) history.change("team", member, true)();
  return history;
}

t.test("what all members have, and nobody else, is clean", async (t) => {
  const history = groupOf("alice", "bob", "carol");
  for (const sender of ["alice", "bob", "alice"]) {
    const message = history.sendTo("team", sender);
    history.accept(message);
    history.deliverTo(message, "alice", "bob", "carol");
  }
  t.same(history.check().counts, { sent: 3, accepted: 3, received: 6, ...NONE });
});

t.test("what a member lacks is lost, and counts as refused where its queue was full", async (t) => {
  const history = groupOf("alice", "bob", "carol");
  const lost = history.sendTo("team", "alice");
  history.accept(lost);
  history.deliverTo(lost, "alice", "bob");
  const refused = history.sendTo("team", "alice");
  history.accept(refused, ["carol"]);
  history.deliverTo(refused, "alice", "bob");
  const { counts, violations } = history.check();
  t.match(counts, { ...NONE, lost: 1 });
  t.match(violations, [{ kind: "lost", account: "carol", message: lost }]);
});

t.test(
  "who was added must have what was sent after that was answered, and nothing accepted before it was asked for",
  async (t) => {
    const history = groupOf("alice", "bob");
    const before = history.sendTo("team", "alice");
    history.accept(before);
    const answered = history.change("team", "carol", true);
    const during = history.sendTo("team", "alice");
    history.accept(during);
    answered();
    const after = history.sendTo("team", "alice");
    history.accept(after);
    for (const message of [before, during, after]) history.deliverTo(message, "alice", "bob");
    t.match(
      history.check().counts,
      { ...NONE, lost: 1 },
      "she lacks the last one only; the middle one is as it may be",
    );
    history.deliverTo(during, "carol");
    history.deliverTo(after, "carol");
    t.match(history.check().counts, NONE);
    history.deliverTo(before, "carol");
    t.match(history.check().counts, { ...NONE, invented: 1 });
  },
);

t.test(
  "who was removed must have what was accepted before that was asked for, and nothing sent after its answer",
  async (t) => {
    const history = groupOf("alice", "bob", "carol");
    const before = history.sendTo("team", "alice");
    history.accept(before);
    const spanning = history.sendTo("team", "alice");
    const answered = history.change("team", "carol", false);
    history.accept(spanning);
    answered();
    const after = history.sendTo("team", "alice");
    history.accept(after);
    for (const message of [before, spanning, after]) history.deliverTo(message, "alice", "bob");
    t.match(history.check().counts, { ...NONE, lost: 1 });
    history.deliverTo(before, "carol");
    t.match(history.check().counts, NONE);
    history.deliverTo(spanning, "carol");
    t.match(history.check().counts, NONE);
    history.deliverTo(after, "carol");
    t.match(history.check().counts, { ...NONE, invented: 1 });
  },
);

t.test("a change that was never answered may hold or not", async (t) => {
  const history = groupOf("alice", "bob");
  history.change("team", "carol", true);
  history.change("team", "bob", false);
  const message = history.sendTo("team", "alice");
  history.accept(message);
  history.deliverTo(message, "alice");
  t.match(history.check().counts, NONE);
  history.deliverTo(message, "bob", "carol");
  t.match(history.check().counts, NONE);
});

t.test("who comes back is a member again", async (t) => {
  const history = groupOf("alice", "bob");
  history.change("team", "bob", false)();
  const without = history.sendTo("team", "alice");
  history.accept(without);
  history.change("team", "bob", true)();
  const again = history.sendTo("team", "alice");
  history.accept(again);
  history.deliverTo(without, "alice");
  history.deliverTo(again, "alice", "bob");
  t.match(history.check().counts, NONE);
  history.deliverTo(without, "bob");
  t.match(history.check().counts, { ...NONE, invented: 1 });
});

t.test("messages of one device to a group stand in order, and once", async (t) => {
  const history = groupOf("alice", "bob");
  const messages = [1, 2, 3].map(() => history.sendTo("team", "alice"));
  for (const message of messages) history.accept(message);
  history.deliverTo(messages[0] ?? "", "alice", "bob");
  for (const message of [messages[2], messages[1], messages[1]]) history.deliverTo(message ?? "", "bob");
  for (const message of messages.slice(1)) history.deliverTo(message, "alice");
  t.match(history.check().counts, { ...NONE, reordered: 1, duplicated: 1 });
});
