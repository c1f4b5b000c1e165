/** Servers that come and go in a schedule: what operators order, and what goes wrong while it is done. */
import type { Timeouts } from "../../src/config.js";
import type { Chance } from "./chance.js";
import type { Action, Fault } from "./schedule.js";

export interface FleetChanges {
  readonly actions: readonly Action[];
  readonly timeouts: Partial<Timeouts>;
}

/** Servers that an order may ask for, and that may be named in one: some are not there. */
const MOST_SERVERS = 6;
const MOST_ORDERS = 8;
/** Share of the orders that something goes wrong after. */
const TROUBLED = 0.5;
/** How soon after an order, in milliseconds at most. */
const SOON_MS = 1_500;

/** On half of the seeds; from a stream of its own, so that all else is drawn as if there were none. */
export function drawFleetChanges(chance: Chance, lengthMs: number): FleetChanges {
  if (chance.is(0.5)) return { actions: [], timeouts: {} };
  const actions: Action[] = [];
  for (let i = chance.between(2, MOST_ORDERS); i > 0; i--) {
    const at = chance.below(lengthMs);
    actions.push({ at, ...drawOrder(chance) });
    if (chance.is(TROUBLED)) actions.push({ at: at + chance.below(SOON_MS), ...drawTrouble(chance) });
  }
  return { actions, timeouts: { drainMs: chance.one([50, 1_000, 6_000]) } };
}

function drawOrder(chance: Chance): Fault {
  const server = drawServer(chance);
  switch (chance.one(["scale", "scale", "scale", "drain", "drain", "resume"] as const)) {
    case "scale":
      return { do: "scale", servers: chance.between(1, MOST_SERVERS) };
    case "drain":
      return { do: "drain", server };
    case "resume":
      return { do: "resume", server };
  }
}

function drawTrouble(chance: Chance): Fault {
  const thread = chance.is(0.8) ? drawServer(chance) : "balancer";
  const forMs = chance.one([50, 500, 2_000, 6_000]);
  switch (chance.one(["killThread", "killThread", "hangThread", "lateNews"] as const)) {
    case "killThread":
      return { do: "killThread", thread };
    case "hangThread":
      return { do: "hangThread", thread, forMs };
    case "lateNews":
      return { do: "lateNews", thread, forMs };
  }
}

function drawServer(chance: Chance): string {
  return `chat-${chance.between(1, MOST_SERVERS)}`;
}
