/** The account's own vault, sealed. */
import { FastChatError } from "../../protocol/errors.js";
import { HttpError, PATHS, VaultRecord } from "../../protocol/http.js";
import type { App } from "../app.js";
import { BEARER, signedIn } from "../bearer.js";
import type { BalancerContext } from "../context.js";

export function vault(app: App, context: BalancerContext): void {
  const schema = {
    summary: "Read one's own vault",
    security: BEARER,
    response: { 200: VaultRecord, default: HttpError },
  };
  app.get(PATHS.vault, { schema }, async (request): Promise<VaultRecord> => {
    const { account } = await signedIn(context, request);
    const found = await context.accounts.vault(account);
    if (found === null) throw new FastChatError("noSuchAccount", "This account is gone.");
    return found;
  });
}
