/** An open session that is told to go on at another server (PROTOCOL.md, "Moving"): the state machine by itself. */
import fc from "fast-check";
import t from "tap";
import type { ConnectionEvent, MoveMessage } from "../../../src/client/core/connection-state.js";
import { GREETING_MS } from "../../../src/client/core/moving.js";
import type { ServerId } from "../../../src/protocol/ids.js";
import { Machine, kinds, lostRecord, placement, said, timers, welcome } from "./machine.js";

const elsewhere = "chat-2" as ServerId;
const move: MoveMessage = {
  type: "move",
  server: elsewhere,
  host: "other",
  port: 2,
  ticket: Uint8Array.of(1, 2, 3),
};
const welcomeThere = { ...welcome, server: elsewhere, session: 8 };

/** An attached session that was told to move, over its first connection. */
function told(attempt = 1): Machine {
  const machine = new Machine();
  machine.on({ type: "attach" });
  machine.welcomed();
  machine.on({ type: "message", attempt, message: { type: "live" } });
  machine.on({ type: "message", attempt, message: move });
  return machine;
}

t.test(
  "the new session is opened with the ticket that came, without the balancer, and the old one stays",
  async (t) => {
    const machine = new Machine().open();
    t.strictSame(machine.on({ type: "message", attempt: 1, message: move }), [
      { do: "connect", attempt: 2, server: { host: "other", port: 2 } },
    ]);
    t.match(machine.state, { phase: "open", attempt: 1, welcome: { server: "chat-1" } });
    const greeting = machine.on({ type: "connected", attempt: 2 });
    t.match(greeting, [
      { do: "say", attempt: 2, message: { type: "hello", ticket: move.ticket, attach: false } },
      { do: "setTimer", name: "greeting", ms: GREETING_MS },
    ]);
    t.match(machine.state, { phase: "open", attempt: 1 });
  },
);

t.test(
  "with the new server's welcome the old session ends, in good order, and the new one takes its place",
  async (t) => {
    const machine = told();
    t.match(said(machine.on({ type: "connected", attempt: 2 })), [{ type: "hello", attach: true }]);
    const effects = machine.on({ type: "message", attempt: 2, message: welcomeThere });
    t.strictSame(kinds(effects), ["hangUp", "down", "cancelTimers", "setTimer", "status", "opened"]);
    t.match(effects[0], { attempt: 1, orderly: true });
    t.match(effects.at(-1), { welcome: { server: "chat-2" } });
    t.match(machine.state, { phase: "open", attempt: 2, delivery: "catchingUp", move: null });
    machine.on({ type: "message", attempt: 2, message: { type: "live" } });
    t.match(machine.state, { delivery: "live" });
  },
);

t.test("what the old connection still brings changes nothing", async (t) => {
  const machine = told();
  machine.on({ type: "connected", attempt: 2 });
  machine.on({ type: "message", attempt: 2, message: welcomeThere });
  const before = machine.state;
  const closing = { type: "closing", code: "unavailable", message: "why" } as const;
  for (const message of [{ type: "live" }, closing, move, welcome] as const) {
    t.strictSame(machine.on({ type: "message", attempt: 1, message }), [], message.type);
  }
  t.strictSame(machine.on({ type: "failed", attempt: 1, error: lostRecord }), []);
  t.equal(machine.state, before);
});

t.test("deliveries that are asked for on the way are asked for on both sides", async (t) => {
  const machine = new Machine().open();
  machine.on({ type: "message", attempt: 1, message: move });
  machine.on({ type: "connected", attempt: 2 });
  t.match(machine.on({ type: "attach" }), [{ do: "say", attempt: 1, message: { type: "attach" } }]);
  const effects = machine.on({ type: "message", attempt: 2, message: welcomeThere });
  t.match(
    effects.filter((effect) => effect.do === "say"),
    [{ attempt: 2, message: { type: "attach" } }],
  );
});

t.test(
  "where the new server cannot be reached the balancer is asked, and the session stays meanwhile",
  async (t) => {
    const failures: readonly (readonly [string, (machine: Machine) => readonly unknown[]])[] = [
      ["no connection", (machine) => machine.on({ type: "failed", attempt: 2, error: lostRecord })],
      [
        "no answer",
        (machine) => {
          machine.on({ type: "connected", attempt: 2 });
          return machine.on({ type: "greeting" });
        },
      ],
      [
        "a refusal",
        (machine) => {
          machine.on({ type: "connected", attempt: 2 });
          const message = { type: "closing", code: "notSignedIn", message: "why" } as const;
          return machine.on({ type: "message", attempt: 2, message });
        },
      ],
      [
        "nonsense",
        (machine) => {
          machine.on({ type: "connected", attempt: 2 });
          return machine.on({ type: "message", attempt: 2, message: { type: "live" } });
        },
      ],
      [
        "a stranger's certificate",
        (machine) =>
          machine.on({ type: "failed", attempt: 2, error: { code: "pinMismatch", message: "not ours" } }),
      ],
    ];
    for (const [name, fail] of failures) {
      const machine = told();
      t.match(
        fail(machine),
        [
          { do: "hangUp", attempt: 2 },
          { do: "place", attempt: 3 },
        ],
        name,
      );
      t.match(machine.state, { phase: "open", attempt: 1 }, name);
      t.match(machine.on({ type: "placed", attempt: 3, placement }), [{ do: "connect", attempt: 3 }], name);
      machine.on({ type: "connected", attempt: 3 });
      machine.on({ type: "message", attempt: 3, message: welcomeThere });
      t.match(machine.state, { phase: "open", attempt: 3 }, name);
    }
  },
);

t.test(
  "where that fails, too, it stays until its server ends it, and comes back like any other",
  async (t) => {
    const machine = told();
    machine.on({ type: "failed", attempt: 2, error: lostRecord });
    const effects = machine.on({ type: "failed", attempt: 3, error: lostRecord });
    t.strictSame(effects, [{ do: "hangUp", attempt: 3, orderly: false }]);
    t.match(machine.state, { phase: "open", attempt: 1, move: null });
    t.strictSame(machine.on({ type: "message", attempt: 1, message: move }), [], "it is told once");
    const ended = { type: "closing", code: "unavailable", message: "This session was to move." } as const;
    machine.on({ type: "message", attempt: 1, message: ended });
    t.match(machine.state, { phase: "waiting" });
    t.match(
      machine.on({ type: "retry" }),
      [{ do: "status" }, { do: "place", attempt: 4 }],
      "no number is given twice",
    );
  },
);

t.test("the balancer's word is final also on the way", async (t) => {
  const machine = told();
  machine.on({ type: "failed", attempt: 2, error: lostRecord });
  const error = { code: "notSignedIn", message: "revoked" } as const;
  const effects = machine.on({ type: "failed", attempt: 3, error });
  t.equal(machine.state.phase, "closed");
  t.match(
    effects.filter((effect) => effect.do === "hangUp"),
    [{ attempt: 1 }, { attempt: 3 }],
  );
});

t.test("a session that is lost on the way goes on with the way", async (t) => {
  const stages: readonly (readonly [string, (machine: Machine) => unknown])[] = [
    ["connecting", () => undefined],
    ["greeting", (machine) => machine.on({ type: "connected", attempt: 2 })],
    ["placing", (machine) => machine.on({ type: "failed", attempt: 2, error: lostRecord })],
  ];
  for (const [phase, reach] of stages) {
    const machine = told();
    reach(machine);
    const effects = machine.on({ type: "failed", attempt: 1, error: lostRecord });
    t.equal(machine.state.phase, phase);
    t.match(kinds(effects).at(-1), "down");
    t.strictSame(timers(effects), phase === "greeting" ? [["greeting", GREETING_MS]] : []);
  }
});

t.test("whoever leaves, renews or stops hangs up on both sides", async (t) => {
  for (const event of [{ type: "detach" }, { type: "renew" }, { type: "stop", error: null }] as const) {
    const machine = told();
    machine.on({ type: "connected", attempt: 2 });
    const effects = machine.on(event);
    const hungUp = effects.flatMap((effect) => (effect.do === "hangUp" ? [effect.attempt] : []));
    t.strictSame(hungUp, [1, 2], event.type);
    t.strictSame(machine.on({ type: "message", attempt: 2, message: welcomeThere }), [], event.type);
  }
});

t.test("before it is open nobody is told to move", async (t) => {
  const machine = new Machine();
  machine.on({ type: "need" });
  machine.on({ type: "placed", attempt: 1, placement });
  machine.on({ type: "connected", attempt: 1 });
  machine.on({ type: "message", attempt: 1, message: move });
  t.equal(machine.state.phase, "waiting");
});

const attempts = fc.integer({ min: 1, max: 8 });
const messages = fc.constantFrom(
  welcome,
  move,
  { type: "live" } as const,
  { type: "closing", code: "unavailable", message: "why" } as const,
);
const events: fc.Arbitrary<ConnectionEvent> = fc.oneof(
  fc.constantFrom<ConnectionEvent>(
    { type: "need" },
    { type: "attach" },
    { type: "detach" },
    { type: "renew" },
    { type: "retry" },
    { type: "greeting" },
  ),
  attempts.map((attempt) => ({ type: "placed", attempt, placement }) as const),
  attempts.map((attempt) => ({ type: "connected", attempt }) as const),
  attempts.map((attempt) => ({ type: "failed", attempt, error: lostRecord }) as const),
  fc.tuple(attempts, messages).map(([attempt, message]) => ({ type: "message", attempt, message }) as const),
);

t.test("whatever happens, sessions follow each other, and no connection is left over", async () => {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 60 }), (happening) => {
      const machine = new Machine();
      machine.moment = { ...machine.moment, needed: true };
      let open = false;
      const asked = new Set<number>();
      const hungUp = new Set<number>();
      for (const event of [...happening, { type: "stop", error: null } as const]) {
        for (const effect of machine.on(event)) {
          if (effect.do === "opened" || effect.do === "down") {
            if (open === (effect.do === "opened")) return false;
            open = !open;
          }
          // A way is gone once, with a number of its own: placed and then connected, or connected by a server's word.
          if (effect.do === "connect") {
            if (asked.has(effect.attempt)) return false;
            asked.add(effect.attempt);
          }
          if (effect.do === "hangUp") hungUp.add(effect.attempt);
        }
        if (open !== (machine.state.phase === "open")) return false;
      }
      return [...asked].every((attempt) => hungUp.has(attempt));
    }),
    { numRuns: 5_000 },
  );
});
