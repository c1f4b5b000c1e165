/** Who is told of whom when a thread comes or goes. */
import type { ServerEntry } from "../protocol/threads.js";
import { tellFleet } from "./fleet.js";
import { runningServers, runningThread, type Draft, type Thread } from "./state.js";

/** A thread has just begun to run. */
export function acquaint(draft: Draft, { plan }: Thread): void {
  const { state, effects } = draft;
  const servers = runningServers(state);
  const balancer = runningThread(state, "balancer");
  switch (plan.kind) {
    case "chat": {
      const own = servers.find(({ id }) => id === plan.id);
      if (own === undefined) return;
      for (const other of servers) {
        if (other.id !== own.id) effects.push({ type: "mesh", one: own, other });
      }
      if (balancer !== null) effects.push({ type: "introduce", server: own, balancer: balancer.id });
      return;
    }
    case "balancer":
      // First, so that it sends nobody to a server that is to be empty.
      state.toldFleet = null;
      tellFleet(draft);
      for (const server of servers) effects.push({ type: "introduce", server, balancer: plan.id });
      tellOfArchive(draft);
      return;
    case "archive":
      tellOfArchive(draft);
      return;
    case "database":
      return;
  }
}

function tellOfArchive({ state, effects }: Draft): void {
  const balancer = runningThread(state, "balancer");
  const listening = runningThread(state, "archive")?.life.listening;
  if (balancer !== null && listening) {
    effects.push({ type: "post", thread: balancer.id, message: { type: "archive", listening } });
  }
}

/** A chat server that ran does not any more. It must not be among the running ones when this is called. */
export function forget(draft: Draft, { id, incarnation }: Pick<ServerEntry, "id" | "incarnation">): void {
  const { state, effects } = draft;
  for (const other of runningServers(state)) {
    effects.push({ type: "post", thread: other.id, message: { type: "unlink", peer: id, incarnation } });
  }
  const balancer = runningThread(state, "balancer");
  if (balancer !== null) {
    effects.push({ type: "post", thread: balancer.id, message: { type: "serverGone", id, incarnation } });
  }
}
