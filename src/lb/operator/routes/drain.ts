/** Empties a server: nobody is placed there any more, and its sessions move away. */
import { HttpError } from "../../../protocol/http.js";
import { ServerParam, TakenUp } from "../../../protocol/operator.js";
import type { App } from "../../app.js";
import type { OperatorContext } from "../context.js";
import { OPERATOR } from "../guard.js";

export function drain(app: App, { fleet }: OperatorContext): void {
  const schema = {
    summary: "Empty a chat server",
    security: OPERATOR,
    params: ServerParam,
    response: { 200: TakenUp, default: HttpError },
  };
  app.post("/v1/operator/servers/:server/drain", { schema }, async ({ params }): Promise<TakenUp> => {
    await fleet.order({ do: "drain", server: params.server });
    return {};
  });
}
