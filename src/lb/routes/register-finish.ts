/** Sign-up, last step: record, card and vault become an account, and the device is signed in. */
import { verifyCard } from "../../crypto/card.js";
import { FastChatError } from "../../protocol/errors.js";
import { HttpError, PATHS, RegisterFinish, SignedIn, type Card } from "../../protocol/http.js";
import type { AccountId } from "../../protocol/ids.js";
import type { App } from "../app.js";
import type { BalancerContext } from "../context.js";
import { badInvite, inviteOf } from "../invite-check.js";
import { newSession } from "../new-session.js";
import { sameCost } from "../password-costs.js";
import type { RateLimits } from "../rate-limits.js";

export function registerFinish(app: App, context: BalancerContext, rates: RateLimits): void {
  const schema = {
    summary: "Sign up",
    body: RegisterFinish,
    response: { 200: SignedIn, default: HttpError },
  };
  app.post(PATHS.registerFinish, { schema, ...rates.register }, async (request): Promise<SignedIn> => {
    const { body } = request;
    const invited = inviteOf(context.registration, body.invite);
    refuseUnfit(body, context);
    const account = await accountOf(body.card);
    if (!(await context.opaque.isRecord(body.name, body.record))) {
      throw new FastChatError("badRequest", "record is not a registration record of OPAQUE.");
    }
    const { stored, told } = newSession(context, account, body.device);
    const outcome = await context.accounts.create({ ...body, account }, stored, invited);
    switch (outcome) {
      case "created":
        context.costs.registered();
        context.known.opened(stored);
        return told;
      case "badInvite":
        throw badInvite();
      case "nameTaken":
        throw new FastChatError("nameTaken", `The name "${body.name}" is taken.`);
      case "conflict":
        throw new FastChatError("conflict", "This identity key has an account already.");
    }
  });
}

/**
 * Refuses what schemas cannot. The cost must be exactly the one that the first step named: a weaker one would give
 * the password away to who steals the database, one of the client's own would give the account away (password-costs.ts).
 */
function refuseUnfit({ name, card, stretching, vault }: RegisterFinish, { costs }: BalancerContext): void {
  if (card.name !== name) throw new FastChatError("badRequest", "card.name must be the name of the account.");
  if (!sameCost(stretching, costs.configured)) {
    const { iterations, memoryKiB, parallelism } = costs.configured;
    throw new FastChatError(
      "badRequest",
      `stretching must be ${iterations} iterations, ${memoryKiB} KiB and parallelism ${parallelism}.`,
    );
  }
  const kinds = new Set(vault.wrappings.map((wrapping) => wrapping.kind));
  if (kinds.size !== vault.wrappings.length) {
    throw new FastChatError("badRequest", "vault.wrappings must each be of another kind.");
  }
}

async function accountOf(card: Card): Promise<AccountId> {
  try {
    return (await verifyCard(card)).account;
  } catch (cause) {
    if (!(cause instanceof FastChatError)) throw cause;
    throw new FastChatError("badRequest", "card is not validly signed, or its keys are not fit.", undefined, {
      cause,
    });
  }
}
