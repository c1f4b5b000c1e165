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

/**
 * Called in each step: chat servers that were added while the system runs start one after the other. Each takes a core
 * for a while to load and compile its code, and people are there who want the others.
 */
export function startAdded(draft: Draft): void {
  const { stage, threads } = draft.state;
  const added = threads.filter((thread) => thread.added);
  if (stage.at !== "running" || added.some(({ life }) => life.at === "starting")) return;
  const next = added.find(({ life }) => life.at === "waiting");
  if (next !== undefined) start(draft, next);
}
