import t from "tap";
import { Feed } from "../../../src/client/cli/feed.js";
import { OutputClosed } from "../../../src/client/cli/output.js";
import type { ReceivedMessage } from "../../../src/client/core/messages.js";

const message = (text: string): ReceivedMessage => ({ text }) as ReceivedMessage;

/** Whether a promise is still open once everything that could settle it had its turn. */
async function isOpen(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol("open");
  const turn = new Promise((resolve) => setImmediate(() => resolve(open)));
  return (await Promise.race([promise.catch(() => undefined), turn])) === open;
}

t.test("a feed prints what comes, in order, and knows how much", async (t) => {
  const printed: string[] = [];
  const feed = new Feed((next) => Promise.resolve(void printed.push(next.text)));
  for (const text of ["one", "two"]) await feed.onMessage(message(text));
  t.same(printed, ["one", "two"]);
  t.equal(feed.printed, 2);
  t.ok(await isOpen(feed.ended));
});

t.test("behind the last one it takes nothing, and fails only once the client was told to stop", async (t) => {
  const printed: string[] = [];
  const feed = new Feed((next) => Promise.resolve(void printed.push(next.text)), 1);
  await feed.onMessage(message("one"));
  t.equal(await feed.ended, "enough");
  const surplus = feed.onMessage(message("two"));
  t.ok(await isOpen(surplus));
  feed.release();
  await t.rejects(surplus, /No more messages/);
  t.same(printed, ["one"]);
});

t.test("a message that could not be printed because nobody reads any more is not taken", async (t) => {
  const feed = new Feed(({ text }) =>
    text === "two" ? Promise.reject(new OutputClosed("closed")) : Promise.resolve(),
  );
  await feed.onMessage(message("one"));
  const unread = feed.onMessage(message("two"));
  t.equal(await feed.ended, "closed");
  t.ok(await isOpen(unread), "and does not end the listening before the first is acknowledged");
  feed.release();
  await t.rejects(unread);
  t.equal(feed.printed, 1);
});

t.test("any other failure is the client's to know", async (t) => {
  const feed = new Feed(() => Promise.reject(new TypeError("a defect")));
  await t.rejects(feed.onMessage(message("one")), TypeError);
});
