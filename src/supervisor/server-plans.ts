/** The names and ports of chat servers. */
import { parseServerId, type ServerId } from "../protocol/ids.js";
import type { State, ThreadPlan } from "./state.js";

const LAST_PORT = 65_535;

export function serverId(number: number): ServerId {
  return parseServerId(`chat-${number}`) as ServerId;
}

/** The number in a chat server's id. */
export function serverNumber(id: string): number {
  return Number(id.slice(id.lastIndexOf("-") + 1));
}

/** The plan of one more chat server, under the lowest free number. */
export function addedServerPlan({ threads, portBase }: Readonly<State>): ThreadPlan {
  const taken = new Set(threads.map(({ plan }) => plan.id));
  let number = 1;
  while (taken.has(serverId(number))) number++;
  const port = portBase === 0 ? 0 : portBase + number;
  // Somebody else of this system may have it, and not be running at the moment.
  const isFree =
    port <= LAST_PORT && threads.every((thread) => thread.plan.port !== port && thread.port !== port);
  return { kind: "chat", id: serverId(number), port: isFree ? port : 0 };
}
