/** What a chat server counts between two reports. */
import t from "tap";
import { ACCEPT_BOUNDS_MS } from "../../../src/protocol/threads.js";
import { LoadMeter } from "../../../src/workers/chat/load-meter.js";

const GAUGES = {
  connections: 1,
  attached: 1,
  mailboxes: 1,
  unsettled: 0,
  writeQueue: 0,
  loopDelayP99Ms: 0,
  utilization: 0,
};

t.test("each time falls into the first bucket whose bound it does not exceed", async (t) => {
  const meter = new LoadMeter(0);
  const last = ACCEPT_BOUNDS_MS.at(-1) ?? 0;
  for (const ms of [0, 1, 1.001, 2.5, last, last + 1]) meter.accepted(ms);
  const { accepted } = meter.report(1000, GAUGES);
  t.same(accepted.counts, [2, 2, ...ACCEPT_BOUNDS_MS.slice(3).map(() => 0), 1, 1]);
  t.equal(accepted.sumMs, 4.501 + 2 * last + 1);
});

t.test("a report is of what came since the last one", async (t) => {
  const meter = new LoadMeter(0);
  meter.messageIn(10);
  meter.messageOut(20);
  meter.accepted(3);
  meter.ended("timeout");
  meter.ended("timeout");
  meter.ended("badFrame");
  const first = meter.report(500, GAUGES);
  t.match(first, {
    messagesIn: 1,
    bytesIn: 10,
    messagesOut: 1,
    bytesOut: 20,
    ended: { timeout: 2, badFrame: 1 },
    overMs: 500,
  });
  const second = meter.report(1500, GAUGES);
  t.match(second, { messagesIn: 0, bytesOut: 0, accepted: { sumMs: 0 }, overMs: 1000 });
  t.same(second.ended, {});
  t.equal(
    second.accepted.counts.reduce((sum, count) => sum + count, 0),
    0,
  );
  t.equal(
    first.accepted.counts.reduce((sum, count) => sum + count, 0),
    1,
    "what was reported stays as it was",
  );
});
