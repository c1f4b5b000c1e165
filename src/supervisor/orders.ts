/** What operators have the supervisor do with chat servers while the system runs. */
import type { ErrorCode, ErrorRecord } from "../protocol/errors.js";
import type { ServerId } from "../protocol/ids.js";
import { MOST_SERVERS } from "../protocol/operator.js";
import type { FleetOrder } from "../protocol/threads.js";
import { isGoing, retire } from "./leaving.js";
import { addedServerPlan, serverNumber } from "./server-plans.js";
import { plannedThread, type Draft, type State, type Thread } from "./state.js";

/** @returns `null` where the order is taken up, else why not */
export function takeOrder(draft: Draft, order: FleetOrder): ErrorRecord | null {
  const refusal = refuseOrTake(draft, order);
  draft.effects.push(
    refusal === null
      ? { type: "log", level: "info", fields: { order }, message: "an operator's order is taken up" }
      : { type: "log", level: "info", fields: { order, refusal }, message: "an operator's order is refused" },
  );
  return refusal;
}

function refuseOrTake(draft: Draft, order: FleetOrder): ErrorRecord | null {
  if (draft.state.stage.at !== "running") {
    return refused("unavailable", "The system is starting or stopping.");
  }
  switch (order.do) {
    case "drain":
      return drain(draft.state, order.server);
    case "resume":
      return resume(draft.state, order.server);
    case "scale":
      return scale(draft, order.servers);
    case "rebalance":
      draft.state.rebalancing = true;
      return null;
  }
}

function drain(state: State, server: ServerId): ErrorRecord | null {
  const thread = serverOf(state, server);
  if (thread === undefined) return noSuchServer(server);
  if (isGoing(thread)) return refused("conflict", `${server} is being removed.`);
  if (thread.assignment.is === "draining") return null;
  if (!chatServers(state).some((other) => other !== thread && isTaking(other))) {
    return refused(
      "conflict",
      `No other server takes people: resume or add one before ${server} is drained.`,
    );
  }
  thread.assignment = { is: "draining" };
  return null;
}

function resume(state: State, server: ServerId): ErrorRecord | null {
  const thread = serverOf(state, server);
  if (thread === undefined) return noSuchServer(server);
  // What ends is not started again; and what hands its mailboxes over must go on with that.
  if (thread.assignment.is === "leaving" || (isGoing(thread) && thread.life.at !== "running")) {
    return refused("conflict", `${server} has begun to leave; scale up to have another one.`);
  }
  thread.assignment = { is: "serving" };
  return null;
}

function scale(draft: Draft, servers: number): ErrorRecord | null {
  if (!Number.isInteger(servers) || servers < 1 || servers > MOST_SERVERS) {
    return refused("badRequest", `A system has from 1 to ${MOST_SERVERS} chat servers.`);
  }
  const staying = chatServers(draft.state).filter((thread) => !isGoing(thread));
  return servers < staying.length
    ? scaleDown(draft, staying, staying.length - servers)
    : scaleUp(draft, servers - staying.length);
}

/** Those that are to be empty go first, then the highest numbers. */
function scaleDown(draft: Draft, staying: readonly Thread[], count: number): ErrorRecord | null {
  const order = [...staying].sort(
    (one, other) => rank(one) - rank(other) || serverNumber(other.plan.id) - serverNumber(one.plan.id),
  );
  if (!order.slice(count).some(isTaking)) {
    return refused("conflict", "None of the servers that would stay takes people at present.");
  }
  for (const thread of order.slice(0, count)) retire(draft, thread);
  return null;
}

function rank({ assignment }: Thread): number {
  return assignment.is === "draining" ? 0 : 1;
}

/** Those that were to go stay, as far as they still can; for the rest new ones are started. */
function scaleUp(draft: Draft, count: number): ErrorRecord | null {
  const { state } = draft;
  const back = chatServers(state)
    .filter(({ assignment, life }) => assignment.is === "retiring" && life.at === "running")
    .slice(0, count);
  const added = count - back.length;
  if (added > 0 && chatServers(state).length + added > MOST_SERVERS) {
    return refused(
      "conflict",
      `With those that are still leaving there would be more than ${MOST_SERVERS} servers.`,
    );
  }
  for (const thread of back) thread.assignment = { is: "serving" };
  for (let i = 0; i < added; i++) addServer(state);
  return null;
}

/** It starts when its turn comes. */
function addServer(state: State): void {
  const plan = addedServerPlan(state);
  const thread = plannedThread(plan, state.removedRuns[plan.id] ?? 0, true);
  const after = state.threads.findLastIndex(
    (other) => other.plan.kind === "chat" && serverNumber(other.plan.id) < serverNumber(plan.id),
  );
  state.threads.splice(after + 1, 0, thread);
}

/** In the order of their numbers. */
function chatServers({ threads }: State): Thread[] {
  return threads.filter(({ plan }) => plan.kind === "chat");
}

function serverOf(state: State, server: ServerId): Thread | undefined {
  return chatServers(state).find(({ plan }) => plan.id === server);
}

function isTaking({ assignment, life }: Thread): boolean {
  return assignment.is === "serving" && life.at === "running";
}

function noSuchServer(server: ServerId): ErrorRecord {
  return refused("noSuchServer", `There is no chat server ${server}.`);
}

function refused(code: ErrorCode, message: string): ErrorRecord {
  return { code, message };
}
