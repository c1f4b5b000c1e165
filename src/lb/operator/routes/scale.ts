/** More or fewer chat servers, while everything runs. */
import { HttpError } from "../../../protocol/http.js";
import { OPERATOR_PATHS, Scale, TakenUp } from "../../../protocol/operator.js";
import type { App } from "../../app.js";
import type { OperatorContext } from "../context.js";
import { OPERATOR } from "../guard.js";

export function scale(app: App, { fleet }: OperatorContext): void {
  const schema = {
    summary: "Have so many chat servers from now on",
    security: OPERATOR,
    body: Scale,
    response: { 200: TakenUp, default: HttpError },
  };
  app.post(OPERATOR_PATHS.scale, { schema }, async ({ body }): Promise<TakenUp> => {
    await fleet.order({ do: "scale", servers: body.servers });
    return {};
  });
}
