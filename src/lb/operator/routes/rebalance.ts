/** Has sessions move until the load is even, whatever the strategy; and tells how far that has come. */
import { FastChatError } from "../../../protocol/errors.js";
import { HttpError } from "../../../protocol/http.js";
import { OPERATOR_PATHS, Rebalancing } from "../../../protocol/operator.js";
import type { App } from "../../app.js";
import type { OperatorContext } from "../context.js";
import { OPERATOR } from "../guard.js";

export function rebalance(app: App, { fleet, mover }: OperatorContext): void {
  const response = { 200: Rebalancing, default: HttpError };
  const begin = { summary: "Have sessions move until the load is even", security: OPERATOR, response };
  app.post(OPERATOR_PATHS.rebalance, { schema: begin }, async (): Promise<Rebalancing> => {
    await fleet.order({ do: "rebalance" });
    return mover.progress();
  });
  const watch = { summary: "How far that has come", security: OPERATOR, response };
  app.get(OPERATOR_PATHS.rebalance, { schema: watch }, async (): Promise<Rebalancing> => {
    // Before the supervisor has spoken a balancer that was started again does not know that it goes on.
    if (fleet.threads.length === 0) throw new FastChatError("unavailable", "The balancer has just started.");
    return mover.progress();
  });
}
