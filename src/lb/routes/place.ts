/** Sends a device to a chat server, with a ticket that lets it in once. */
import { toBase64Url } from "../../protocol/bytes.js";
import { HttpError, PATHS, Placement } from "../../protocol/http.js";
import type { App } from "../app.js";
import { BEARER, signedIn } from "../bearer.js";
import type { BalancerContext } from "../context.js";
import { addressOf } from "./archive-address.js";

export function place(app: App, context: BalancerContext): void {
  const { admission, placement, grants, clock, timeouts, publicHost } = context;
  const schema = {
    summary: "Ask for a chat server",
    security: BEARER,
    response: { 200: Placement, default: HttpError },
  };
  app.post(PATHS.place, { schema }, async (request): Promise<Placement> => {
    const { account, device } = await signedIn(context, request);
    // Behind the look-up: who is nobody here takes no turn from others.
    await admission.enter();
    const archive = addressOf(context);
    const { server, nonce } = placement.place(account);
    const { id, incarnation, listening } = server;
    const expiresAt = clock.now() + timeouts.ticketMs;
    return {
      server: { id, host: publicHost, port: listening.port },
      archive,
      ticket: toBase64Url(grants.ticket({ account, device, server: id, incarnation, expiresAt, nonce })),
      validMs: timeouts.ticketMs,
    };
  });
}
