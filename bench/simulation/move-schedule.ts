/** Sessions that move between chat servers, drawn from a stream of their own: all else is drawn as if nobody moved. */
import type { Limits, Timeouts } from "../../src/config.js";
import type { Chance } from "./chance.js";
import type { Action } from "./schedule.js";

export interface PlannedMoves {
  readonly actions: readonly Action[];
  readonly limits: Partial<Limits>;
  readonly timeouts: Partial<Timeouts>;
}

const SERVERS = ["chat-1", "chat-2", "chat-3"];
const MOST_MOVES = 30;
/** How close together many leave, in milliseconds. */
const TOGETHER_MS = 300;

export function drawMoves(chance: Chance, people: readonly string[], lengthMs: number): PlannedMoves {
  const actions: Action[] = [];
  const count = chance.between(0, MOST_MOVES);
  while (actions.length < count) {
    const at = chance.below(lengthMs);
    if (chance.is(0.1)) {
      actions.push({ at, do: "rebalance" });
      continue;
    }
    // One person, or several at about the same time.
    const several = chance.is(0.2) ? chance.between(2, people.length) : 1;
    for (let i = 0; i < several; i++) {
      const when = at + chance.below(TOGETHER_MS);
      actions.push({ at: when, do: "move", who: chance.one(people), server: chance.one(SERVERS) });
    }
  }
  return {
    actions,
    limits: { movesPerSecond: chance.one([1, 5, 50]) },
    timeouts: {
      moveMs: chance.one([500, 3_000, 10_000]),
      movePauseMs: chance.one([1_000, 60_000]),
      warmUpMs: chance.one([100, 10_000]),
    },
  };
}
