/** What operators are told of threads that come, go, die and change what they are for. */
import t from "tap";
import { changesOf } from "../../../src/lb/operator/fleet-changes.js";
import type { ThreadStatus } from "../../../src/protocol/threads.js";

function thread(over: Partial<ThreadStatus> = {}): ThreadStatus {
  return {
    id: "chat-1",
    kind: "chat",
    life: "running",
    duty: "serving",
    restarts: 0,
    trouble: null,
    ...over,
  };
}

const kinds = (before: ThreadStatus, after: ThreadStatus): string[] =>
  changesOf([before], [after]).map(({ kind }) => kind);

t.test("what was before the first picture is not told", async (t) => {
  t.same(changesOf([], [thread()]), []);
});

t.test("a death and a return, step by step or at once", async (t) => {
  t.same(kinds(thread(), thread({ life: "dying" })), ["died"]);
  t.same(kinds(thread({ life: "dying" }), thread({ life: "resting" })), []);
  t.same(kinds(thread({ life: "resting" }), thread({ life: "starting", restarts: 1 })), []);
  t.same(kinds(thread({ life: "starting", restarts: 1 }), thread({ restarts: 1 })), ["returned"]);
  t.same(kinds(thread(), thread({ restarts: 1 })), ["returned"]);
});

t.test("a first start is no return", async (t) => {
  t.same(kinds(thread({ life: "starting" }), thread()), []);
});

t.test("duties, troubles, more and fewer servers", async (t) => {
  t.same(kinds(thread(), thread({ duty: "draining" })), ["draining"]);
  t.same(kinds(thread({ duty: "draining" }), thread()), ["resumed"]);
  t.same(kinds(thread(), thread({ trouble: "diskFull" })), ["trouble"]);
  t.same(kinds(thread({ trouble: "diskFull" }), thread()), ["recovered"]);
  const other = thread({ id: "chat-2" });
  t.match(changesOf([thread()], [thread(), other]), [{ kind: "added", thread: "chat-2" }]);
  t.same(changesOf([thread(), other], [thread()]), [
    { kind: "removed", thread: "chat-2", text: "chat-2 is gone" },
  ]);
  t.match(changesOf([thread(), thread({ id: "chat-2", duty: "retiring" })], [thread()]), [
    { kind: "removed", text: "chat-2 is gone, as an operator wished" },
  ]);
  t.same(changesOf([thread()], [thread()]), []);
});
