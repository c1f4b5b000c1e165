import t from "tap";
import { catchInterrupts, unlessAborted, whenAborted } from "../../../src/client/cli/interrupt.js";

t.test("a signal asks for an end, with the exit code that shells give it", (t) => {
  for (const [name, exitCode] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    const interrupts = catchInterrupts();
    t.equal(interrupts.signal.aborted, false);
    process.emit(name, name);
    interrupts.release();
    t.match(interrupts.signal.reason, { name: "Interrupted", exitCode });
  }
  t.end();
});

t.test("a line editor that reads Ctrl-C itself can say so", (t) => {
  const interrupts = catchInterrupts();
  interrupts.interrupt();
  interrupts.release();
  t.match(interrupts.signal.reason, { exitCode: 130 });
  t.end();
});

t.test("nothing listens to signals after the release", (t) => {
  const before = process.listenerCount("SIGINT");
  const interrupts = catchInterrupts();
  t.equal(process.listenerCount("SIGINT"), before + 1);
  interrupts.release();
  t.equal(process.listenerCount("SIGINT"), before);
  t.end();
});

t.test("whoever waits is let go by the signal, at once or later, and never twice", async (t) => {
  const controller = new AbortController();
  const { signal } = controller;
  t.equal(await unlessAborted(Promise.resolve("done"), signal), "done");
  const waiting = unlessAborted(new Promise(() => undefined), signal);
  let calls = 0;
  whenAborted(signal, () => (calls += 1));
  controller.abort(new Error("interrupted"));
  await t.rejects(waiting, /interrupted/);
  await t.rejects(unlessAborted(Promise.resolve("done"), signal), /interrupted/);
  whenAborted(signal, () => (calls += 1));
  t.equal(calls, 2);
});
