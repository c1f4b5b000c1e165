/** What the balancer is told of all threads: for operators, and so that it knows where nobody is to be placed. */
import type { Duty, ThreadStatus } from "../protocol/threads.js";
import { restartsOf, runningThread, type Draft, type State, type Thread } from "./state.js";

/** Tells the balancer that runs, if what it was told is not so any more. */
export function tellFleet({ state, effects }: Draft): void {
  const balancer = runningThread(state, "balancer");
  if (balancer === null) return;
  const { rebalancing, toldFleet } = state;
  const threads = fleetOf(state);
  if (toldFleet?.rebalancing === rebalancing && isSame(toldFleet.threads, threads)) return;
  state.toldFleet = { type: "fleet", threads, rebalancing };
  effects.push({ type: "post", thread: balancer.id, message: state.toldFleet });
}

export function dutyOf({ assignment }: Readonly<Thread>): Duty {
  // That it has begun to leave is the supervisor's own business.
  return assignment.is === "leaving" ? "retiring" : assignment.is;
}

function fleetOf(state: Readonly<State>): ThreadStatus[] {
  return state.threads.map((thread) => ({
    id: thread.plan.id,
    kind: thread.plan.kind,
    life: thread.life.at,
    duty: dutyOf(thread),
    restarts: restartsOf(thread),
    trouble: thread.trouble,
  }));
}

function isSame(told: readonly ThreadStatus[], now: readonly ThreadStatus[]): boolean {
  return (
    told.length === now.length &&
    now.every((one, index) => {
      const other = told[index];
      return (
        other !== undefined &&
        one.id === other.id &&
        one.life === other.life &&
        one.duty === other.duty &&
        one.restarts === other.restarts &&
        one.trouble === other.trouble
      );
    })
  );
}
