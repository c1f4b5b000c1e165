/** Sign-up, first step of OPAQUE (RFC 9807, section 5.1). Whether the name is free shows in the second. */
import { HttpError, PATHS, RegisterStart, RegisterStarted } from "../../protocol/http.js";
import type { App } from "../app.js";
import type { BalancerContext } from "../context.js";
import { badInvite, inviteOf } from "../invite-check.js";
import type { RateLimits } from "../rate-limits.js";

export function registerStart(app: App, context: BalancerContext, rates: RateLimits): void {
  const { opaque, costs, invites, clock } = context;
  const schema = {
    summary: "Begin to sign up",
    body: RegisterStart,
    response: { 200: RegisterStarted, default: HttpError },
  };
  app.post(PATHS.registerStart, { schema, ...rates.register }, async (request) => {
    const { name, invite } = request.body;
    const invited = inviteOf(context.registration, invite);
    // Before anybody chooses a password in vain. The use is taken with the last step.
    if (invited !== undefined && !(await invites.isGood(invited, clock.now()))) throw badInvite();
    await rates.countEvaluation(request, name);
    const response = await opaque.register(name, request.body.request);
    return { response, stretching: costs.configured };
  });
}
