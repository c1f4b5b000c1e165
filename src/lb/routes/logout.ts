/** Ends the session of the device that asks. */
import Type from "#typebox";
import { HttpError, PATHS } from "../../protocol/http.js";
import type { App } from "../app.js";
import { BEARER, sessionOf } from "../bearer.js";
import type { BalancerContext } from "../context.js";

export function logout(app: App, context: BalancerContext): void {
  const schema = {
    summary: "Log out",
    security: BEARER,
    response: { 204: Type.Null({ description: "The session is ended" }), default: HttpError },
  };
  app.post(PATHS.logout, { schema }, async (request, reply) => {
    // Whose account is suspended may still have the device forget it.
    const { device } = await sessionOf(context, request);
    await context.sessions.end(device);
    context.revoke([device], "notSignedIn");
    return reply.code(204).send(null);
  });
}
