/** Starting threads. */
import type { Draft, Thread, ThreadKind } from "./state.js";

export function start({ state, effects, now }: Draft, thread: Thread): void {
  thread.run++;
  thread.failure = null;
  thread.trouble = null;
  thread.life = { at: "starting", startBy: now + state.timeouts.startMs };
  effects.push({ type: "spawn", plan: thread.plan, run: thread.run, port: thread.port });
}

export function startKinds(draft: Draft, kinds: readonly ThreadKind[]): void {
  for (const thread of draft.state.threads) {
    if (kinds.includes(thread.plan.kind) && thread.life.at === "waiting") start(draft, thread);
  }
}
