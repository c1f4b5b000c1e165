/**
 * Login, first step of OPAQUE (RFC 9807, section 6.1). A name that nobody has takes the same steps as one that
 * somebody has, and its answer has the same form and length; the answer is that of a wrong password.
 */
import { HttpError, LoginStart, LoginStarted, PATHS } from "../../protocol/http.js";
import type { App } from "../app.js";
import type { BalancerContext } from "../context.js";
import type { RateLimits } from "../rate-limits.js";

export function loginStart(app: App, context: BalancerContext, rates: RateLimits): void {
  const { accounts, opaque, pendingLogins, costs } = context;
  const schema = {
    summary: "Begin to log in",
    body: LoginStart,
    response: { 200: LoginStarted, default: HttpError },
  };
  app.post(PATHS.loginStart, { schema, ...rates.login }, async (request) => {
    const { name } = request.body;
    await rates.countEvaluation(request, name);
    const decoy = { record: opaque.decoy, stretching: costs.ofUnknown(name) };
    const credentials = await accounts.credentials(name, decoy);
    const { state, response } = await opaque.startLogin(name, credentials.record, request.body.request);
    return {
      login: pendingLogins.begin({ name, credentials, state }),
      response,
      stretching: credentials.stretching,
    };
  });
}
