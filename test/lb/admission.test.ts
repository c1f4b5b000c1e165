import t from "tap";
import { Admission, LONGEST_WAIT_MS } from "../../src/lb/admission.js";
import type { FastChatError } from "../../src/protocol/errors.js";
import { VirtualClock } from "../../bench/simulation/virtual-clock.js";

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Devices that come at the same moment: when each was let in, or how long it was told to wait, in milliseconds. */
function doorway(perSecond: number) {
  const clock = new VirtualClock();
  const admission = new Admission({ clock, perSecond });
  const start = clock.now();
  const enteredAt: number[] = [];
  const told: number[] = [];
  const come = async (): Promise<void> => {
    try {
      await admission.enter();
      enteredAt.push(clock.now() - start);
    } catch (error) {
      const { code, retryAfterMs } = error as FastChatError;
      if (code !== "tooMany" || retryAfterMs === undefined) throw error;
      told.push(retryAfterMs);
    }
  };
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 10) {
      clock.advance(10);
      await settle();
    }
  };
  return { clock, admission, enteredAt, told, come, pass };
}

t.test("devices that come slower than the pace do not wait", async (t) => {
  const { enteredAt, come, pass } = doorway(10);
  for (let i = 0; i < 5; i++) {
    await come();
    await pass(100);
  }
  t.same(enteredAt, [0, 100, 200, 300, 400]);
});

t.test("a thousand that come at once are let in at the pace, in turn", async (t) => {
  const { enteredAt, told, come, pass } = doorway(500);
  for (let i = 0; i < 1000; i++) void come();
  await settle();
  t.equal(enteredAt.length, 51, "a tenth of a second's worth at once");
  await pass(LONGEST_WAIT_MS);
  t.equal(enteredAt.length, 1000);
  t.same(told, []);
  for (let second = 0; second < 2; second++) {
    const within = enteredAt.filter((at) => at > second * 1000 && at <= (second + 1) * 1000).length;
    t.ok(within <= 500, `${within} in second ${second}`);
  }
});

t.test("who would wait too long is told when to come back, everybody at another moment", async (t) => {
  const { enteredAt, told, come, pass } = doorway(100);
  for (let i = 0; i < 1000; i++) void come();
  await pass(LONGEST_WAIT_MS);
  t.equal(enteredAt.length + told.length, 1000);
  t.equal(enteredAt.length, 211, "a burst, two seconds of waiting, and the one whose turn is just then");
  t.equal(new Set(told).size, told.length);
  t.equal(Math.min(...told), LONGEST_WAIT_MS);
  t.equal(Math.max(...told), LONGEST_WAIT_MS + (told.length - 1) * 10);
});

t.test("nobody is told to wait for more than a minute", async (t) => {
  const { told, come, pass } = doorway(1);
  for (let i = 0; i < 200; i++) void come();
  await pass(10);
  t.equal(Math.max(...told), 60_000);
});

t.test("a clock that is set back keeps nobody out for long", async (t) => {
  const clock = new VirtualClock();
  let back = 0;
  const admission = new Admission({
    clock: { now: () => clock.now() - back, after: (ms, callback) => clock.after(ms, callback) },
    perSecond: 100,
  });
  await admission.enter();
  back = 3_600_000;
  await t.rejects(admission.enter(), { code: "tooMany" });
  clock.advance(100);
  const entered = admission.enter();
  clock.advance(LONGEST_WAIT_MS);
  await entered;
});

t.test("at the end whoever waits is let in", async (t) => {
  const { admission, enteredAt, come } = doorway(1);
  for (let i = 0; i < 3; i++) void come();
  await settle();
  t.equal(enteredAt.length, 1);
  admission.close();
  await settle();
  t.equal(enteredAt.length, 3);
});
