/** Every chat server, as the supervisor and the load view together know it. */
import type { LoadEvenness, ServerStatus } from "../../protocol/operator.js";
import type { ThreadStatus } from "../../protocol/threads.js";
import type { Clock } from "../../protocol/runtime.js";
import type { LoadView, PlaceableServer } from "../load-view.js";
import { spreadOf } from "../spread.js";
import type { Fleet } from "./fleet.js";

export interface StateSources {
  readonly fleet: Pick<Fleet, "threads" | "onChange">;
  readonly view: LoadView;
  /** Of the view. */
  readonly clock: Clock;
}

/** Servers that are connected and of which the supervisor has not spoken yet are among them, too. */
export function serverStates({ fleet, view, clock }: StateSources): ServerStatus[] {
  const loads = new Map(view.servers(clock.now()).map((load) => [load.id as string, load]));
  const known = fleet.threads.filter(({ kind }) => kind === "chat");
  const told = new Set(known.map(({ id }) => id));
  const others = [...loads.values()].filter(({ id }) => !told.has(id));
  return [
    ...known.map((thread) =>
      status(thread.id as ServerStatus["id"], stateOf(thread), thread.restarts, loads.get(thread.id)),
    ),
    ...others.map((load) => status(load.id, "serving", 0, load)),
  ];
}

/** How even the load of those is that take people: whoever is drained shall be empty. */
export function evennessOf(sources: StateSources, servers = serverStates(sources)): LoadEvenness {
  const serving = servers.filter(({ state }) => state === "serving");
  return {
    connections: figures(serving.map(({ connections }) => connections)),
    messages: figures(serving.map(({ messagesPerSecond }) => messagesPerSecond)),
  };
}

function figures(shares: readonly number[]): LoadEvenness["connections"] {
  const { maxMinusMean, jain, cv } = spreadOf(shares);
  return { maxMinusMean, jain, cv };
}

function status(
  id: ServerStatus["id"],
  state: ServerStatus["state"],
  restarts: number,
  load: PlaceableServer | undefined,
): ServerStatus {
  return {
    id,
    state,
    connections: load?.connections ?? 0,
    placed: load?.placed ?? 0,
    messagesPerSecond: load?.messagesPerSecond ?? 0,
    bytesPerSecond: load?.bytesPerSecond ?? 0,
    loopDelayMs: load?.loopDelayMs ?? 0,
    queued: load?.queued ?? 0,
    restarts,
  };
}

function stateOf({ life, duty }: ThreadStatus): ServerStatus["state"] {
  // One that is to go is not started again, however it fares.
  if (life === "running" || duty === "retiring") return duty;
  return life === "starting" || life === "waiting" ? "starting" : "down";
}
