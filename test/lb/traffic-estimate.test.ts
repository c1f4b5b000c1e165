import t from "tap";
import { TrafficEstimate } from "../../src/lb/traffic-estimate.js";

const close = (value: number | undefined, wanted: number): boolean =>
  value !== undefined && Math.abs(value - wanted) < 1e-6;

t.test("a rate that goes on is known from its first report, and takes a while to be relied on", async (t) => {
  const traffic = new TrafficEstimate();
  t.equal(traffic.total, 0);
  for (let seconds = 1; seconds <= 20; seconds++) {
    traffic.report(50, 1000, [{ session: 1, messages: 30 }]);
    t.ok(close(traffic.total, 50), `${traffic.total} after ${seconds} s`);
    t.ok(close(new Map(traffic.known()).get(1), 30));
    t.equal(traffic.isMature, seconds >= 15);
  }
});

t.test("reports over other times than a second count as what they are", async (t) => {
  const traffic = new TrafficEstimate();
  traffic.report(100, 500, []);
  t.ok(close(traffic.total, 200));
});

t.test("what is over fades, and a session that says nothing any more is forgotten", async (t) => {
  const traffic = new TrafficEstimate();
  for (let i = 0; i < 20; i++) traffic.report(100, 1000, [{ session: 1, messages: 100 }]);
  for (let i = 0; i < 10; i++) traffic.report(0, 1000, []);
  t.ok(traffic.total > 20 && traffic.total < 60, `${traffic.total}`);
  for (let i = 0; i < 200; i++) traffic.report(0, 1000, []);
  t.strictSame([...traffic.known()], []);
});

t.test("a session takes its messages along", async (t) => {
  const [here, there] = [new TrafficEstimate(), new TrafficEstimate()];
  for (let i = 0; i < 20; i++) {
    here.report(50, 1000, [{ session: 1, messages: 30 }]);
    there.report(10, 1000, []);
  }
  there.enter(7, here.leave(1));
  t.ok(close(here.total, 20));
  t.ok(close(there.total, 40));
  t.ok(close(new Map(there.known()).get(7), 30));
  t.equal(here.leave(1), 0, "once");
});

t.test("so many sessions are known one by one, and no more: the busiest", async (t) => {
  const traffic = new TrafficEstimate();
  for (let i = 0; i < 20; i++) {
    const busiest = Array.from({ length: 64 }, (_, n) => ({ session: i * 64 + n, messages: 1 + n }));
    traffic.report(2_080, 1000, busiest);
  }
  t.equal([...traffic.known()].length, 256);
});
