/** The card of a name. Who has an account may learn who else has one. */
import { FastChatError } from "../../protocol/errors.js";
import { Card, HttpError, NameParam, PATHS } from "../../protocol/http.js";
import type { App } from "../app.js";
import { BEARER, signedIn } from "../bearer.js";
import type { BalancerContext } from "../context.js";

export function cardOf(app: App, context: BalancerContext): void {
  const schema = {
    summary: "Read the card of a name",
    security: BEARER,
    params: NameParam,
    response: { 200: Card, default: HttpError },
  };
  app.get(`${PATHS.cards}/:name`, { schema }, async (request): Promise<Card> => {
    await signedIn(context, request);
    const card = await context.accounts.cardOf(request.params.name);
    if (card === null)
      throw new FastChatError("noSuchAccount", `Nobody is called "${request.params.name}" here.`);
    return card;
  });
}
