/** What Prometheus scrapes; it sends the token with `authorization` in its configuration. */
import { HttpError } from "../../../protocol/http.js";
import { OPERATOR_PATHS } from "../../../protocol/operator.js";
import Type from "#typebox";
import type { App } from "../../app.js";
import type { OperatorContext } from "../context.js";
import { OPERATOR } from "../guard.js";

export function metricsText(app: App, { metrics }: OperatorContext): void {
  const schema = {
    summary: "Metrics, in the text format of Prometheus",
    security: OPERATOR,
    produces: ["text/plain"],
    response: { 200: Type.String(), default: HttpError },
  };
  app.get(OPERATOR_PATHS.metrics, { schema }, async (_request, reply): Promise<string> => {
    void reply.type(metrics.contentType);
    return metrics.text();
  });
}
