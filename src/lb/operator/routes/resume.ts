/** Has a server that was drained take people again. */
import { HttpError } from "../../../protocol/http.js";
import { ServerParam, TakenUp } from "../../../protocol/operator.js";
import type { App } from "../../app.js";
import type { OperatorContext } from "../context.js";
import { OPERATOR } from "../guard.js";

export function resume(app: App, { fleet }: OperatorContext): void {
  const schema = {
    summary: "Have a drained chat server take people again",
    security: OPERATOR,
    params: ServerParam,
    response: { 200: TakenUp, default: HttpError },
  };
  app.post("/v1/operator/servers/:server/resume", { schema }, async ({ params }): Promise<TakenUp> => {
    await fleet.order({ do: "resume", server: params.server });
    return {};
  });
}
