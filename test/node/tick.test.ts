import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import t from "tap";
import { atTickEnd } from "../../src/node/tick.js";

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

t.test("work is done at the end of the turn, in the order in which it was asked for", async (t) => {
  const done: string[] = [];
  atTickEnd(() => done.push("one"));
  atTickEnd(() => done.push("two"));
  t.same(done, [], "not at once");
  await Promise.resolve();
  process.nextTick(() => atTickEnd(() => done.push("three")));
  await Promise.resolve();
  t.same(done, [], "nor in a microtask");
  await turn();
  t.same(done, ["one", "two", "three"]);
});

t.test("what comes over several ports in one turn is followed by one flush", async (t) => {
  const events: string[] = [];
  const channels = [new MessageChannel(), new MessageChannel()];
  let flushing = false;
  for (const { port1, port2 } of channels) {
    port2.on("message", (text: string) => {
      events.push(text);
      if (flushing) return;
      flushing = true;
      atTickEnd(() => {
        flushing = false;
        events.push("flush");
      });
    });
    port1.postMessage("message");
    port1.postMessage("message");
  }
  while (events.filter((event) => event === "message").length < 4) await turn();
  await turn();
  t.equal(events[0], "message");
  t.not(events[1], "flush", "the second message of a port is read before the flush");
  t.equal(events.at(-1), "flush");
  for (const { port1, port2 } of channels) {
    port1.close();
    await once(port2, "close");
  }
});

t.test(
  "work that asks for more work gets it in the next turn, so that sockets are read in between",
  async (t) => {
    const done: string[] = [];
    atTickEnd(() => {
      done.push("first");
      atTickEnd(() => done.push("second"));
      setImmediate(() => done.push("the turn between"));
    });
    await turn();
    t.same(done, ["first"]);
    await turn();
    t.same([...done].sort(), ["first", "second", "the turn between"]);
  },
);

t.test(
  "work that throws does not keep the rest from being done, and its error is not swallowed",
  async (t) => {
    const done: string[] = [];
    const thrown = new Promise<unknown>((resolve) => {
      process.setUncaughtExceptionCaptureCallback(resolve);
    });
    t.teardown(() => process.setUncaughtExceptionCaptureCallback(null));
    atTickEnd(() => done.push("before"));
    atTickEnd(() => {
      throw new Error("a defect");
    });
    atTickEnd(() => done.push("behind"));
    atTickEnd(() => done.push("last"));
    t.match(await thrown, { message: "a defect" });
    await turn();
    await turn();
    t.same(done, ["before", "behind", "last"]);
    atTickEnd(() => done.push("later"));
    await turn();
    t.equal(done.at(-1), "later", "and it goes on working");
  },
);
