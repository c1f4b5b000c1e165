/** Histograms of latencies: of one thread, of several, and across a message between threads. */
import { MessageChannel } from "node:worker_threads";
import { once } from "node:events";
import type { RecordableHistogram } from "node:perf_hooks";
import t, { type Test } from "tap";
import { Latencies, type LatencyFigures } from "../../../bench/load/latencies.js";

/** Three digits are kept. */
function near(t: Test, actual: number, expected: number, what: string): void {
  t.ok(Math.abs(actual / expected - 1) < 0.002, `${what}: ${actual}, expected ${expected}`);
}

function held(t: Test, figures: LatencyFigures, expected: Partial<LatencyFigures>): void {
  for (const [name, value] of Object.entries(expected))
    near(t, figures[name as keyof LatencyFigures], value, name);
}

t.test("a known distribution", async (t) => {
  const latencies = new Latencies();
  for (let ms = 1; ms <= 10_000; ms++) latencies.record(ms);
  held(t, latencies.figures(), {
    count: 10_000,
    p50: 5_000,
    p90: 9_000,
    p99: 9_900,
    p999: 9_990,
    max: 10_000,
  });
});

t.test("nothing, and one", async (t) => {
  const latencies = new Latencies();
  t.same(latencies.figures(), { count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
  t.same(latencies.quantiles(), []);
  latencies.record(2.5);
  held(t, latencies.figures(), { count: 1, p50: 2.5, p999: 2.5, max: 2.5 });
  latencies.record(-1);
  t.equal(latencies.figures().count, 2, "what seems to have come before it was sent counts as at once");
});

t.test("merged is as if recorded together, and never an average of percentiles", async (t) => {
  const [fast, slow, all] = [new Latencies(), new Latencies(), new Latencies()];
  for (let i = 0; i < 990; i++) for (const one of [fast, all]) one.record(1);
  for (let i = 0; i < 10; i++) for (const one of [slow, all]) one.record(1_000);
  const merged = new Latencies();
  merged.add(fast);
  merged.add(slow);
  t.same(merged.figures(), all.figures());
  held(t, merged.figures(), { count: 1_000, p50: 1, p90: 1, p999: 1_000, max: 1_000 });
});

t.test("a histogram that crossed threads is what it was, and can be merged", async (t) => {
  const latencies = new Latencies();
  for (let ms = 1; ms <= 100; ms++) latencies.record(ms);
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(latencies.histogram);
  const [histogram] = (await once(port2, "message")) as [RecordableHistogram];
  port1.close();
  const merged = new Latencies();
  merged.add(new Latencies(histogram));
  t.same(merged.figures(), latencies.figures());
});

t.test("the curve rises from the fastest to the slowest", async (t) => {
  const latencies = new Latencies();
  for (let ms = 1; ms <= 1_000; ms++) latencies.record(ms);
  const points = latencies.quantiles();
  t.ok(points.length > 20);
  for (const [index, { share, ms }] of points.entries()) {
    const before = points[index - 1];
    t.ok(before === undefined || (share > before.share && ms >= before.ms));
  }
  const half = points.find(({ share }) => share >= 0.5);
  near(t, half?.ms ?? 0, (half?.share ?? 0) * 1_000, "at its share");
});
