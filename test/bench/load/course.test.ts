/** What is done to a system under load, and how a run went over time. */
import t from "tap";
import { actText, parseAct } from "../../../bench/load/acts.js";
import { actsOf, evennessOf, latencyBySecond } from "../../../bench/load/course.js";
import type { FleetSample } from "../../../bench/load/fleet-watch.js";
import type { LoadPlan } from "../../../bench/load/plan.js";
import type { HistoryEvent } from "../../../bench/history/events.js";
import type { ServerId } from "../../../src/protocol/ids.js";

t.test("what is to be done is read as it is written", async (t) => {
  t.same(parseAct("10:kill chat-2"), { seconds: 10, do: "kill", server: "chat-2" });
  t.same(parseAct(" 2.5:scale 8"), { seconds: 2.5, do: "scale", servers: 8 });
  for (const text of ["0:drain chat-1", "3:resume chat-12", "7:kill chat-1", "1:scale 64"]) {
    const act = parseAct(text);
    t.equal(`${act.seconds}:${actText(act)}`, text);
  }
  for (const text of [
    "",
    "kill chat-1",
    "1:kill",
    "1:scale 0",
    "1:scale two",
    "-1:scale 2",
    "1:jump chat-1",
    "1:rebalance chat-1",
  ]) {
    t.throws(() => parseAct(text), { code: "badRequest" }, text);
  }
});

function fleet(at: number, ...servers: [state: string, connections: number][]): FleetSample {
  return {
    at,
    servers: servers.map(([state, connections], index) => ({
      id: `chat-${index + 1}` as ServerId,
      state: state as FleetSample["servers"][number]["state"],
      connections,
      placed: 0,
      messagesPerSecond: connections,
    })),
  };
}

t.test("a server that is down counts as uneven, and one that is to be empty does not", async (t) => {
  const [even, down, draining] = evennessOf([
    fleet(0, ["serving", 10], ["serving", 10]),
    fleet(1, ["serving", 20], ["down", 0]),
    fleet(2, ["serving", 20], ["draining", 3], ["serving", 20]),
  ]);
  t.match(even, { servers: 2, connections: { jain: 1, maxMinusMean: 0 } });
  t.match(down, { servers: 2, connections: { jain: 0.5, maxMinusMean: 10 }, messages: { jain: 0.5 } });
  t.match(draining, { servers: 2, connections: { jain: 1 } });
});

const plan: LoadPlan = {
  people: ["p00000", "p00001", "p00002"].map((name, number) => ({ number, name, offline: number === 2 })),
  groups: [],
  sends: [100, 900, 1500, 1800].map((at) => ({ at, from: 0, to: 1, toGroup: false, bytes: 100 })),
  breaks: [],
  measured: { from: 0, to: 3000 },
};

function received(message: number, at: number, account = "p00001"): HistoryEvent {
  return {
    type: "received",
    at,
    account,
    device: account,
    start: 0,
    sender: "p00000",
    message: `m${message}`,
    digest: "",
  };
}

t.test("messages are late by the moment at which they should have been sent", async (t) => {
  const events = [received(0, 105), received(1, 2000), received(2, 1510), received(3, 1840)];
  t.same(latencyBySecond(plan, [...events, received(0, 9000, "p00002")]), [
    { at: 0, received: 2, p50: 5, p99: 1100, max: 1100 },
    { at: 1000, received: 2, p50: 10, p99: 40, max: 40 },
  ]);
});

t.test("each act answers for the time until the next", async (t) => {
  const evenness = evennessOf([
    fleet(0, ["serving", 10], ["serving", 10]),
    fleet(1000, ["serving", 20], ["down", 0]),
    fleet(1250, ["serving", 10], ["serving", 10]),
    fleet(1500, ["serving", 18], ["serving", 2]),
    fleet(1750, ["serving", 10], ["serving", 10]),
    fleet(2000, ["serving", 15], ["serving", 5]),
    fleet(2500, ["serving", 14], ["serving", 6]),
  ]);
  const acts = [
    { act: parseAct("1:kill chat-2"), at: 1000, refused: null },
    { act: parseAct("2:scale 2"), at: 2000, refused: "no" },
  ];
  const events = [received(1, 2000), received(2, 1510), received(3, 1840)];
  const [killed, scaled] = actsOf(acts, 3000, plan, events, evenness);
  t.match(killed, { what: "kill chat-2", evenAfterMs: 750, lowestJain: 0.5, latestMs: 40, refused: null });
  t.match(scaled, { what: "scale 2", evenAfterMs: null, latestMs: 0, refused: "no" });
});
