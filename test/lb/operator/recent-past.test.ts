/** The recent past: bounded, in order, and nothing missed by who asks for what came since. */
import t from "tap";
import { VirtualClock } from "../../../bench/simulation/virtual-clock.js";
import { LoadView } from "../../../src/lb/load-view.js";
import { Fleet } from "../../../src/lb/operator/fleet.js";
import { MOST_EVENTS, MOST_SAMPLES, RecentPast } from "../../../src/lb/operator/recent-past.js";
import type { ThreadStatus } from "../../../src/protocol/threads.js";
import { entry, report } from "../loads.js";

function room() {
  const clock = new VirtualClock();
  const dates = new VirtualClock();
  const view = new LoadView({ placementMs: 60_000, capacity: 1000, warmUpMs: 1000 });
  const fleet = new Fleet({ ask: () => undefined, clock, patienceMs: 1000 });
  const past = new RecentPast({ view, fleet, clock, dates, everyMs: 1000 });
  const pass = (seconds: number): void => {
    for (let second = 0; second < seconds; second++) {
      dates.advance(1000);
      clock.advance(1000);
    }
  };
  return { clock, dates, view, fleet, past, pass };
}

const thread = (id: string, over: Partial<ThreadStatus> = {}): ThreadStatus => ({
  id,
  kind: "chat",
  life: "running",
  duty: "serving",
  restarts: 0,
  trouble: null,
  ...over,
});

t.test("a sample a second says how each server and all together fare", async (t) => {
  const { view, fleet, past, pass, clock } = room();
  fleet.update([
    thread("chat-1"),
    thread("chat-2", { duty: "draining" }),
    thread("chat-3", { life: "resting" }),
  ]);
  view.add(entry(1), clock.now());
  view.report(entry(1), report({ connections: 4, messagesIn: 3, messagesOut: 2 }), clock.now());
  pass(1);
  const { samples } = past.since();
  t.match(samples, [
    {
      servers: [
        { id: "chat-1", state: "serving", connections: 4, messagesPerSecond: 5 },
        { id: "chat-2", state: "draining", connections: 0 },
        { id: "chat-3", state: "down", connections: 0 },
      ],
      evenness: { connections: { jain: 1, maxMinusMean: 0, cv: 0 } },
    },
  ]);
});

t.test("samples and events are bounded: the oldest go", async (t) => {
  const { past, pass, fleet } = room();
  fleet.update([thread("chat-1")]);
  for (let turn = 0; turn < MOST_EVENTS; turn++) {
    fleet.update([thread("chat-1", { duty: turn % 2 === 0 ? "draining" : "serving" })]);
  }
  past.moved("chat-1", 30);
  past.moved("chat-1", 10);
  pass(MOST_SAMPLES + 10);
  const { samples, events } = past.since();
  t.equal(samples.length, MOST_SAMPLES);
  t.equal(events.length, MOST_EVENTS);
  t.match(events.at(-1), { kind: "moved", thread: "chat-1", text: /40 sessions/ });
});

t.test("who asks for what came since the last answer gets each thing once", async (t) => {
  const { past, pass, fleet } = room();
  fleet.update([thread("chat-1")]);
  const seen: number[] = [];
  let since: number | undefined;
  const look = (): void => {
    const { samples, events, until } = past.since(since);
    seen.push(...samples.map(({ at }) => at), ...events.map(({ at }) => at));
    since = until;
  };
  look();
  pass(2);
  look();
  look();
  // Two things in the same millisecond.
  fleet.update([thread("chat-1", { duty: "draining" })]);
  look();
  fleet.update([thread("chat-1")]);
  look();
  pass(1);
  look();
  t.equal(seen.length, 5);
  t.same(
    seen,
    [...new Set(seen)].sort((one, other) => one - other),
  );
});

t.test("a clock that is set back puts nothing before what was", async (t) => {
  const { past, clock, pass } = room();
  pass(3);
  const { until } = past.since();
  // The dates stand still while a second passes.
  clock.advance(1000);
  t.match(past.since(until), { samples: [{ at: until + 1 }], until: until + 1 });
});

t.test("a balancer that was started again begins behind what the one before it told", async (t) => {
  const { past, pass, view, fleet, clock, dates } = room();
  pass(3);
  const { until } = past.since();
  dates.advance(500);
  const next = new RecentPast({ view, fleet, clock, dates, everyMs: 1000 });
  t.teardown(() => next.close());
  const first = next.since(until);
  t.ok(first.until > until, "whoever asks on does not take its clock for one that was set back");
  t.same([first.samples, first.events], [[], []]);
  dates.advance(1000);
  clock.advance(1000);
  t.equal(next.since(first.until).samples.length, 1);
});

t.test("once closed it takes no more samples", async (t) => {
  const { past, pass } = room();
  pass(1);
  past.close();
  pass(5);
  t.equal(past.since().samples.length, 1);
});
