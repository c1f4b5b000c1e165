/** How everything fares. */
import { HttpError } from "../../../protocol/http.js";
import { OPERATOR_PATHS, OperatorStatus } from "../../../protocol/operator.js";
import type { App } from "../../app.js";
import { RELEASE } from "../../release.js";
import type { OperatorContext } from "../context.js";
import { OPERATOR } from "../guard.js";
import { evennessOf, serverStates } from "../server-states.js";

export function status(app: App, context: OperatorContext): void {
  const schema = {
    summary: "How all servers and threads fare",
    security: OPERATOR,
    response: { 200: OperatorStatus, default: HttpError },
  };
  app.get(OPERATOR_PATHS.status, { schema }, async (): Promise<OperatorStatus> => statusOf(context));
}

export function statusOf(context: OperatorContext): OperatorStatus {
  const servers = serverStates(context);
  return {
    version: RELEASE,
    strategy: context.strategy,
    servers,
    parts: context.fleet.threads
      .filter(({ kind }) => kind !== "chat")
      .map(({ id, life, trouble, restarts }) => ({ id, state: life, trouble, restarts })),
    evenness: evennessOf(context, servers),
  };
}
