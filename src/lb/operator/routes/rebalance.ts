/** Has sessions move until the load is even, whatever the strategy; and tells how far that has come. */
import { HttpError } from "../../../protocol/http.js";
import { OPERATOR_PATHS, Rebalancing } from "../../../protocol/operator.js";
import type { App } from "../../app.js";
import type { OperatorContext } from "../context.js";
import { OPERATOR } from "../guard.js";

export function rebalance(app: App, { mover }: OperatorContext): void {
  const response = { 200: Rebalancing, default: HttpError };
  const begin = { summary: "Have sessions move until the load is even", security: OPERATOR, response };
  app.post(OPERATOR_PATHS.rebalance, { schema: begin }, async (): Promise<Rebalancing> => mover.rebalance());
  const watch = { summary: "How far that has come", security: OPERATOR, response };
  app.get(OPERATOR_PATHS.rebalance, { schema: watch }, async (): Promise<Rebalancing> => mover.progress());
}
