import fc from "fast-check";
import t from "tap";
import { leastBusy } from "../../../src/lb/strategies/least-busy.js";
import { accountId, load, maxMinusMean, placeAll, requests } from "../loads.js";

const request = { account: accountId(), draws: [0.5, 0.5], turn: 0 } as const;

t.test("with fresh counts and equal servers none has one connection more than the average", (t) => {
  const traffic = fc.double({ min: 0, max: 1e6, noNaN: true });
  const delay = fc.double({ min: 0, max: 5000, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(requests, { maxLength: 200 }),
      traffic,
      delay,
      (count, requested, messagesPerSecond, loopDelayMs) => {
        const servers = Array.from({ length: count }, (_, index) =>
          load(`chat-${index + 1}`, { messagesPerSecond, loopDelayMs }),
        );
        return maxMinusMean(placeAll(leastBusy, servers, requested)) <= 1;
      },
    ),
  );
  t.pass("for any number of servers, any traffic and any lag that all share");
  t.end();
});

t.test("a server that carries more than its share of the traffic gets fewer connections", (t) => {
  const servers = (fewer: number) => [
    load("chat-1", { connections: 1_000 - fewer, messagesPerSecond: 9000 }),
    load("chat-2", { connections: 1_000, messagesPerSecond: 1000 }),
  ];
  t.equal(leastBusy(servers(15), request), "chat-2", "a heavy sender is worth some connections");
  t.equal(leastBusy(servers(25), request), "chat-1", "and no more than may stay uneven");
  t.end();
});

t.test("among a few dozen connections each messages do not decide even between equals", (t) => {
  const servers = [
    load("chat-1", { connections: 30, messagesPerSecond: 9000 }),
    load("chat-2", { connections: 30, messagesPerSecond: 0 }),
  ];
  t.equal(leastBusy(servers, { ...request, draws: [0.1, 0.5] }), "chat-1");
  t.equal(leastBusy(servers, { ...request, draws: [0.9, 0.5] }), "chat-2");
  t.end();
});

t.test("a handful of messages decides nothing", (t) => {
  const servers = [
    load("chat-1", { connections: 100, messagesPerSecond: 3 }),
    load("chat-2", { connections: 103, messagesPerSecond: 0 }),
  ];
  t.equal(leastBusy(servers, request), "chat-1");
  t.end();
});

t.test("a loop behind the others makes a server unattractive; the machine's own noise does not", (t) => {
  const late = (loopDelayMs: number) => [
    load("chat-1", { connections: 100, loopDelayMs }),
    load("chat-2", { connections: 110 }),
  ];
  t.equal(leastBusy(late(400), request), "chat-2");
  t.equal(leastBusy(late(90), request), "chat-1");
  t.end();
});
