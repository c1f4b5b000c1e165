/** How everything fares. */
import { HttpError } from "../../../protocol/http.js";
import { OPERATOR_PATHS, OperatorStatus, type ServerStatus } from "../../../protocol/operator.js";
import type { ThreadStatus } from "../../../protocol/threads.js";
import type { App } from "../../app.js";
import type { PlaceableServer } from "../../load-view.js";
import { RELEASE } from "../../release.js";
import type { OperatorContext } from "../context.js";
import { OPERATOR } from "../guard.js";

export function status(app: App, context: OperatorContext): void {
  const schema = {
    summary: "How all servers and threads fare",
    security: OPERATOR,
    response: { 200: OperatorStatus, default: HttpError },
  };
  app.get(OPERATOR_PATHS.status, { schema }, async (): Promise<OperatorStatus> => statusOf(context));
}

export function statusOf({ fleet, view, clock, strategy }: OperatorContext): OperatorStatus {
  const loads = new Map(view.servers(clock.now()).map((load) => [load.id as string, load]));
  const servers = fleet.threads.filter(({ kind }) => kind === "chat");
  return {
    version: RELEASE,
    strategy,
    servers: servers.map((thread) => serverStatus(thread, loads.get(thread.id))),
    parts: fleet.threads
      .filter(({ kind }) => kind !== "chat")
      .map(({ id, life, trouble, restarts }) => ({ id, state: life, trouble, restarts })),
  };
}

function serverStatus(thread: ThreadStatus, load: PlaceableServer | undefined): ServerStatus {
  return {
    id: thread.id as ServerStatus["id"],
    state: stateOf(thread),
    connections: load?.connections ?? 0,
    placed: load?.placed ?? 0,
    messagesPerSecond: load?.messagesPerSecond ?? 0,
    bytesPerSecond: load?.bytesPerSecond ?? 0,
    loopDelayMs: load?.loopDelayMs ?? 0,
    queued: load?.queued ?? 0,
    restarts: thread.restarts,
  };
}

function stateOf({ life, duty }: ThreadStatus): ServerStatus["state"] {
  // One that is to go is not started again, however it fares.
  if (life === "running" || duty === "retiring") return duty;
  return life === "starting" || life === "waiting" ? "starting" : "down";
}
