/** Nothing is waited for longer than it may take. */
import t from "tap";
import { inTime, pause, until, within } from "../../../bench/faults/patience.js";

const never = new AbortController().signal;

t.test("what is done in time is done", async (t) => {
  t.equal(await inTime(never, 60_000, async () => 7), 7);
  let asked = 0;
  await inTime(never, 60_000, (signal) => until(() => ++asked === 3, signal, 1));
  t.equal(asked, 3);
});

t.test("what takes longer fails, whatever it waits for", async (t) => {
  await t.rejects(
    inTime(never, 20, (signal) => until(() => false, signal, 1)),
    /longer than 20 ms/,
  );
  await t.rejects(
    inTime(never, 20, (signal) => within(signal, new Promise(() => undefined))),
    /longer than 20 ms/,
  );
});

t.test("who is stopped stops waiting", async (t) => {
  const stop = new AbortController();
  const waiting = inTime(stop.signal, 60_000, (signal) => until(() => false, signal, 1));
  const pausing = pause(60_000, stop.signal);
  stop.abort(new Error("enough"));
  await t.rejects(waiting, /enough/);
  await pausing;
  await t.rejects(
    inTime(stop.signal, 60_000, (signal) => within(signal, Promise.resolve(1))),
    /enough/,
  );
});
