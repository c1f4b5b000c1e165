/** The recent past of every server: what the load page draws. */
import { HttpError } from "../../../protocol/http.js";
import { LoadQuery, OPERATOR_PATHS, RecentLoad } from "../../../protocol/operator.js";
import type { App } from "../../app.js";
import type { OperatorContext } from "../context.js";
import { OPERATOR } from "../guard.js";

export function load(app: App, { past }: OperatorContext): void {
  const schema = {
    summary: "The last minutes of every server, and what happened",
    security: OPERATOR,
    querystring: LoadQuery,
    response: { 200: RecentLoad, default: HttpError },
  };
  app.get(OPERATOR_PATHS.load, { schema }, async ({ query }): Promise<RecentLoad> => past.since(query.since));
}
