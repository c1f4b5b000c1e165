/** The connection's state machine by itself (PROTOCOL.md, "Sessions"). */
import t from "tap";
import { STABLE_MS } from "../../../src/client/core/connection.js";
import { GREETING_MS } from "../../../src/client/core/moving.js";
import { Machine, kinds, lostRecord, placement, said, timers, welcome } from "./machine.js";

t.test(
  "a session comes about by place, connect, hello, welcome, and is live once all is delivered",
  async (t) => {
    const machine = new Machine();
    t.match(machine.on({ type: "attach" }), [{ do: "status" }, { do: "place", attempt: 1 }]);
    t.match(machine.on({ type: "placed", attempt: 1, placement }), [
      { do: "connect", attempt: 1, server: { host: "h", port: 1 } },
    ]);
    const greeting = machine.on({ type: "connected", attempt: 1 });
    t.strictSame(said(greeting), [
      { type: "hello", version: 1, ticket: new TextEncoder().encode("ticket"), attach: true },
    ]);
    t.strictSame(timers(greeting), [["greeting", GREETING_MS]]);
    const opened = machine.on({ type: "message", attempt: 1, message: welcome });
    t.match(opened, [
      { do: "cancelTimers" },
      { do: "setTimer", name: "beat", ms: 10_000 },
      { do: "status" },
      { do: "opened", welcome },
    ]);
    const live = machine.on({ type: "message", attempt: 1, message: { type: "live" } });
    t.strictSame(kinds(live), ["live", "status"]);
  },
);

t.test("a session that only sends does not ask for deliveries, and may do so later", async (t) => {
  const machine = new Machine();
  machine.on({ type: "need" });
  machine.on({ type: "placed", attempt: 1, placement });
  t.match(said(machine.on({ type: "connected", attempt: 1 })), [{ type: "hello", attach: false }]);
  machine.on({ type: "message", attempt: 1, message: welcome });
  t.strictSame(said(machine.on({ type: "attach" })), [{ type: "attach" }]);
  t.strictSame(said(machine.on({ type: "attach" })), [], "once is enough");
});

t.test("who asks for deliveries between hello and welcome is attached after the welcome", async (t) => {
  const machine = new Machine();
  machine.on({ type: "need" });
  machine.on({ type: "placed", attempt: 1, placement });
  machine.on({ type: "connected", attempt: 1 });
  machine.on({ type: "attach" });
  t.strictSame(said(machine.on({ type: "message", attempt: 1, message: welcome })), [{ type: "attach" }]);
});

t.test(
  "who wants no more deliveries leaves the session, since a server cannot be told to stop",
  async (t) => {
    const machine = new Machine();
    machine.on({ type: "attach" });
    machine.welcomed();
    const effects = machine.on({ type: "detach" });
    t.strictSame(effects, [
      { do: "cancelTimers" },
      { do: "hangUp", attempt: 1, orderly: true },
      { do: "down" },
    ]);
    t.equal(machine.state.phase, "idle");
    machine.on({ type: "need" });
    machine.on({ type: "placed", attempt: 2, placement });
    t.match(said(machine.on({ type: "connected", attempt: 2 })), [{ attach: false }]);
  },
);

t.test("detaching while greeting comes back without deliveries if something is to be sent", async (t) => {
  const machine = new Machine();
  machine.on({ type: "attach" });
  machine.on({ type: "placed", attempt: 1, placement });
  machine.on({ type: "connected", attempt: 1 });
  t.strictSame(timers(machine.on({ type: "detach" })), [["retry", 0]]);
  machine.moment = { ...machine.moment, needed: true };
  t.match(machine.on({ type: "retry" }), [{ do: "status" }, { do: "place", attempt: 2 }]);
});

t.test("every failure on the way leads back through the balancer, later each time", async (t) => {
  const machine = new Machine();
  machine.moment = { ...machine.moment, needed: true };
  machine.on({ type: "need" });
  const first = machine.on({ type: "failed", attempt: 1, error: lostRecord });
  t.strictSame(kinds(first), ["cancelTimers", "hangUp", "setTimer", "status"]);
  t.strictSame(timers(first), [["retry", 500]]);
  machine.on({ type: "retry" });
  machine.on({ type: "placed", attempt: 2, placement });
  t.strictSame(timers(machine.on({ type: "failed", attempt: 2, error: lostRecord })), [["retry", 1000]]);
  machine.on({ type: "retry" });
  machine.on({ type: "placed", attempt: 3, placement });
  machine.on({ type: "connected", attempt: 3 });
  t.strictSame(timers(machine.on({ type: "greeting" })), [["retry", 2000]]);
});

t.test("the wait that the balancer asks for comes on top", async (t) => {
  const machine = new Machine();
  machine.on({ type: "need" });
  const error = { code: "tooMany", message: "slowly" } as const;
  const effects = machine.on({ type: "failed", attempt: 1, error, retryAfterMs: 3000 });
  t.strictSame(timers(effects), [["retry", 3500]]);
});

t.test(
  "a session that lasted makes the next failure the first again; one that did not, does not",
  async (t) => {
    const waitAfter = (ms: number): unknown => {
      const machine = new Machine();
      machine.moment = { ...machine.moment, needed: true };
      machine.on({ type: "need" });
      machine.on({ type: "failed", attempt: 1, error: lostRecord });
      machine.on({ type: "retry" });
      machine.welcomed();
      machine.later(ms);
      return timers(machine.on({ type: "failed", attempt: 2, error: lostRecord }));
    };
    t.strictSame(waitAfter(STABLE_MS), [["retry", 500]]);
    t.strictSame(waitAfter(STABLE_MS - 1), [["retry", 1000]]);
  },
);

t.test("a server that closes is left at once: for another ticket, or for good", async (t) => {
  const closing = (code: string) => {
    const machine = new Machine().open();
    const effects = machine.on({
      type: "message",
      attempt: 1,
      message: { type: "closing", code, message: "why" },
    });
    return { phase: machine.state.phase, effects };
  };
  t.equal(closing("badTicket").phase, "waiting");
  t.equal(closing("unavailable").phase, "waiting");
  t.equal(closing("a code of later times").phase, "waiting");
  const over = closing("notSignedIn");
  t.equal(over.phase, "closed");
  t.match(over.effects.at(-1), { do: "closed", error: { code: "notSignedIn", message: "why" } });
  t.equal(closing("badVersion").phase, "closed");
  t.equal(closing("suspended").phase, "closed");
});

t.test("nobody who has nothing to send and wants nothing is connected again", async (t) => {
  const machine = new Machine().open();
  machine.on({ type: "failed", attempt: 1, error: lostRecord });
  t.strictSame(machine.on({ type: "retry" }), []);
  t.equal(machine.state.phase, "idle");
});

t.test("answers to a way that was given up change nothing", async (t) => {
  const machine = new Machine();
  machine.moment = { ...machine.moment, needed: true };
  machine.on({ type: "need" });
  machine.on({ type: "failed", attempt: 1, error: lostRecord });
  machine.on({ type: "retry" });
  const before = machine.state;
  t.strictSame(machine.on({ type: "placed", attempt: 1, placement }), []);
  t.strictSame(machine.on({ type: "connected", attempt: 1 }), []);
  t.strictSame(machine.on({ type: "failed", attempt: 1, error: lostRecord }), []);
  t.strictSame(machine.on({ type: "message", attempt: 1, message: welcome }), []);
  t.equal(machine.state, before);
});

t.test("a quiet connection is pinged, a busy one is not", async (t) => {
  const machine = new Machine().open();
  machine.later(10_000);
  const { now } = machine.moment;
  t.strictSame(said(machine.on({ type: "beat", heardAt: now - 1, spokeAt: now - 1 })), []);
  machine.later(10_000);
  t.strictSame(said(machine.on({ type: "beat", heardAt: machine.moment.now - 1, spokeAt: now })), [
    { type: "ping", ref: 0 },
  ]);
  machine.later(10_000);
  t.match(said(machine.on({ type: "beat", heardAt: now, spokeAt: machine.moment.now })), [{ ref: 1 }]);
});

t.test("a server that is silent for too long is dead", async (t) => {
  const machine = new Machine().open();
  const heardAt = machine.moment.now;
  for (let beats = 1; beats < 4; beats++) {
    machine.later(10_000);
    machine.on({ type: "beat", heardAt, spokeAt: machine.moment.now });
    t.equal(machine.state.phase, "open");
  }
  machine.later(10_000);
  t.match(machine.on({ type: "beat", heardAt, spokeAt: machine.moment.now }).at(-1), { do: "down" });
  t.equal(machine.state.phase, "waiting");
});

t.test("a device that slept asks before it calls the server dead", async (t) => {
  const machine = new Machine().open();
  const heardAt = machine.moment.now;
  machine.later(3_600_000);
  t.match(said(machine.on({ type: "beat", heardAt, spokeAt: heardAt })), [{ type: "ping" }]);
  t.equal(machine.state.phase, "open");
});

t.test(
  "a clock that is set back hides no dead server, and keeps nobody from saying that this device is there",
  async (t) => {
    const machine = new Machine().open();
    const before = machine.moment.now;
    machine.later(10_000 - 3_600_000);
    const beat = { type: "beat", heardAt: before, spokeAt: before } as const;
    t.match(said(machine.on(beat)), [{ type: "ping" }], "in the future is no time to have spoken");
    const set = machine.moment.now;
    for (let beats = 1; beats < 4; beats++) {
      machine.later(10_000);
      machine.on({ type: "beat", heardAt: before, spokeAt: machine.moment.now });
      t.equal(machine.state.phase, "open", `${machine.moment.now - set} ms after it was set`);
    }
    machine.later(10_000);
    t.match(machine.on({ ...beat, spokeAt: machine.moment.now }).at(-1), { do: "down" });
  },
);

t.test("a clock that is set right by a little changes nothing", async (t) => {
  const machine = new Machine().open();
  machine.later(10_000);
  const heardAt = machine.moment.now + 300;
  t.match(said(machine.on({ type: "beat", heardAt, spokeAt: heardAt })), []);
  t.equal(machine.state.phase, "open");
});

t.test("what a server says at the wrong time ends the connection", async (t) => {
  const early = new Machine();
  early.on({ type: "need" });
  early.on({ type: "placed", attempt: 1, placement });
  early.on({ type: "connected", attempt: 1 });
  early.on({ type: "message", attempt: 1, message: { type: "live" } });
  t.equal(early.state.phase, "waiting", "live before welcome");
  const twice = new Machine().open();
  twice.on({ type: "message", attempt: 1, message: welcome });
  t.equal(twice.state.phase, "waiting", "two welcomes");
  const unasked = new Machine().open();
  unasked.on({ type: "message", attempt: 1, message: { type: "live" } });
  t.equal(unasked.state.phase, "waiting", "live without an attachment");
});

t.test("a ticket that is no base64url is a failure like any other", async (t) => {
  const machine = new Machine();
  machine.on({ type: "need" });
  machine.on({ type: "placed", attempt: 1, placement: { ...placement, ticket: "!" } });
  t.equal(machine.state.phase, "waiting");
});

t.test("what was stopped stays stopped", async (t) => {
  const machine = new Machine().open();
  const effects = machine.on({ type: "stop", error: null });
  t.strictSame(kinds(effects), ["cancelTimers", "hangUp", "down", "status", "closed"]);
  for (const event of [{ type: "need" }, { type: "attach" }, { type: "retry" }] as const) {
    t.strictSame(machine.on(event), []);
  }
});
