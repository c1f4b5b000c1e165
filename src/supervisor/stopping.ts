/** Stopping in order: each wave ends before the next is told, so that nobody loses what it still needs. */
import type { ErrorRecord } from "../protocol/errors.js";
import type { Draft, State, Thread, ThreadKind } from "./state.js";

/**
 * The balancer first, so that nobody is sent to a server that is going; then the servers, which finish their writes;
 * then what they write to. `until` is the share of `stopMs` that has passed when a wave is given up.
 */
const WAVES: readonly { readonly kind: ThreadKind; readonly until: number }[] = [
  { kind: "balancer", until: 0.2 },
  { kind: "chat", until: 0.6 },
  { kind: "archive", until: 0.75 },
  { kind: "database", until: 1 },
];

/** @param error why the system stops, where nobody asked it to */
export function beginStop(draft: Draft, error: ErrorRecord | null): void {
  const { state, now } = draft;
  if (state.stage.at === "stopping" || state.stage.at === "finished") return;
  state.stage = { at: "stopping", since: now, wave: -1, error };
  state.preparing = null;
  for (const thread of state.threads) {
    if (thread.life.at === "waiting" || thread.life.at === "resting") thread.life = { at: "ended" };
  }
  goOnStopping(draft);
}

/** Begins the next wave once the present one has ended; finishes after the last. */
export function goOnStopping(draft: Draft): void {
  const { state, effects } = draft;
  while (state.stage.at === "stopping" && presentWave(state).every(({ life }) => life.at === "ended")) {
    state.stage.wave++;
    if (state.stage.wave === WAVES.length) {
      effects.push({ type: "finish", error: state.stage.error });
      state.stage = { at: "finished" };
      return;
    }
    for (const thread of presentWave(state)) {
      const { plan, life } = thread;
      if (life.at !== "running" && life.at !== "starting") continue;
      // Before it serves, only a database has something to finish.
      const nothingToFinish = life.at === "starting" && plan.kind !== "database";
      thread.life = { at: "stopping", alone: null };
      effects.push(
        nothingToFinish
          ? { type: "terminate", thread: plan.id }
          : { type: "post", thread: plan.id, message: { type: "stop" } },
      );
    }
  }
}

/** When the present wave is given up. */
export function stopDeadline(state: State): number {
  if (state.stage.at !== "stopping") return Infinity;
  return state.stage.since + state.timeouts.stopMs * (WAVES[state.stage.wave]?.until ?? 0);
}

/** Ends what has not stopped in its time. What it had answered for is on disk; the rest was never answered for. */
export function giveUpWave(draft: Draft): void {
  for (const thread of presentWave(draft.state)) {
    if (thread.life.at === "ended") continue;
    draft.effects.push(
      { type: "terminate", thread: thread.plan.id },
      {
        type: "log",
        level: "warn",
        fields: { of: thread.plan.id },
        message: "did not stop in time and was ended",
      },
    );
    thread.life = { at: "ended" };
  }
  goOnStopping(draft);
}

function presentWave(state: State): Thread[] {
  const kind = state.stage.at === "stopping" ? WAVES[state.stage.wave]?.kind : undefined;
  return state.threads.filter(({ plan }) => plan.kind === kind);
}
