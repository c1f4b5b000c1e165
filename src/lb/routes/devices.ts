/** The devices that are signed in to one's own account. */
import { Devices, HttpError, PATHS } from "../../protocol/http.js";
import type { App } from "../app.js";
import { BEARER, signedIn } from "../bearer.js";
import type { BalancerContext } from "../context.js";

export function devices(app: App, context: BalancerContext): void {
  const schema = {
    summary: "List one's own devices",
    security: BEARER,
    response: { 200: Devices, default: HttpError },
  };
  app.get(PATHS.devices, { schema }, async (request): Promise<Devices> => {
    const { account } = await signedIn(context, request);
    return { devices: await context.sessions.list(account) };
  });
}
