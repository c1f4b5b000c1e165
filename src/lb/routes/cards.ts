/** Cards of accounts that one knows by their ids. */
import { CardsFound, CardsRequest, HttpError, PATHS } from "../../protocol/http.js";
import type { App } from "../app.js";
import { BEARER, signedIn } from "../bearer.js";
import type { BalancerContext } from "../context.js";

export function cards(app: App, context: BalancerContext): void {
  const schema = {
    summary: "Read cards by account ids; those of no account are missing from the answer",
    security: BEARER,
    body: CardsRequest,
    response: { 200: CardsFound, default: HttpError },
  };
  app.post(PATHS.cards, { schema }, async (request): Promise<CardsFound> => {
    await signedIn(context, request);
    return { cards: await context.accounts.cards([...new Set(request.body.accounts)]) };
  });
}
