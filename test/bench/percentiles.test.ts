/** Percentiles of many times. */
import t from "tap";
import { Times } from "../../bench/percentiles.js";

t.test("percentiles of runs are those of all their times together", async (t) => {
  const [fast, slow] = [new Times(), new Times()];
  for (let i = 0; i < 99; i++) fast.recordMs(1);
  slow.recordMs(1000);
  fast.add(slow);
  const { p50, p99, max } = fast.percentiles();
  t.equal(fast.count, 100);
  t.ok(Math.abs(p50 - 1) < 0.01 && Math.abs(p99 - 1) < 0.01, `${p50}, ${p99}`);
  t.ok(Math.abs(max - 1000) < 2, `${max}`);
});

t.test("nothing recorded is no error, and no time is below a nanosecond", async (t) => {
  const times = new Times();
  t.same(times.percentiles(), { p50: 0, p99: 0, max: 0 });
  times.recordNanoseconds(0n);
  t.equal(times.count, 1);
});
