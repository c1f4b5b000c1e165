/** Login, last step: who knows the password gets a session, and the account's card and vault with it. */
import { FastChatError } from "../../protocol/errors.js";
import { HttpError, LoginFinish, LoginFinished, PATHS } from "../../protocol/http.js";
import type { App } from "../app.js";
import { suspended } from "../bearer.js";
import type { BalancerContext } from "../context.js";
import { newSession } from "../new-session.js";
import type { RateLimits } from "../rate-limits.js";

export function loginFinish(app: App, context: BalancerContext, rates: RateLimits): void {
  const { accounts, known, opaque, pendingLogins, revoke, limits } = context;
  const schema = {
    summary: "Log in",
    body: LoginFinish,
    response: { 200: LoginFinished, default: HttpError },
  };
  app.post(PATHS.loginFinish, { schema, ...rates.login }, async (request): Promise<LoginFinished> => {
    const { login, request: proof, device } = request.body;
    const pending = pendingLogins.take(login);
    if (pending === null) throw loginFailed();
    const { name, credentials, state } = pending;
    const proved = await opaque.finishLogin(name, state, proof);
    const { account, record } = credentials;
    if (!proved || account === null) throw loginFailed();
    const { stored, told } = newSession(context, account, device);
    const signIn = await accounts.signIn(stored, record, limits.sessionsPerAccount);
    if (signIn === null) throw loginFailed();
    // Behind the proof: whoever does not know the password does not learn it.
    if (signIn === "suspended") throw suspended();
    revoke(signIn.ended, "notSignedIn");
    known.opened(stored);
    return { session: told, card: signIn.card, vault: signIn.vault };
  });
}

/** One failure for all reasons. */
function loginFailed(): FastChatError {
  return new FastChatError("loginFailed", "Name or password is wrong, or the login took too long.");
}
