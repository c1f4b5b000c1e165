/** Invites: codes that let somebody sign up where registration is by invite. */
import Type from "#typebox";
import { FastChatError } from "../../../protocol/errors.js";
import { HttpError } from "../../../protocol/http.js";
import { newInviteCode } from "../../../protocol/invite-code.js";
import { InviteMade, InviteParam, Invites, NewInvite, OPERATOR_PATHS } from "../../../protocol/operator.js";
import type { App } from "../../app.js";
import { hashInvite } from "../../invite-check.js";
import type { AccountsContext } from "../accounts-context.js";
import { OPERATOR } from "../guard.js";
import { noteOrder } from "../order-log.js";

const DAY_MS = 86_400_000;

export function invites(app: App, context: AccountsContext): void {
  const { registration, clock, random, mostInvites } = context;
  const making = {
    summary: "Make an invite; its code is told this once",
    security: OPERATOR,
    body: NewInvite,
    response: { 200: InviteMade, default: HttpError },
  };
  app.post(OPERATOR_PATHS.invites, { schema: making }, async (request): Promise<InviteMade> => {
    const { uses, days } = request.body;
    const at = clock.now();
    const code = newInviteCode((length) => random.bytes(length));
    const row = { codeHash: hashInvite(code), uses, at, expiresAt: at + days * DAY_MS };
    const invite = await context.invites.make(row, mostInvites);
    if (invite === null) {
      throw new FastChatError(
        "badRequest",
        `There are ${mostInvites} invites already, as many as limits.invites allows; revoke some.`,
      );
    }
    noteOrder(request, { invite: invite.id, uses, days });
    return { invite, code, registration };
  });

  const listing = {
    summary: "List invites whose time is not over, the newest first",
    security: OPERATOR,
    response: { 200: Invites, default: HttpError },
  };
  app.get(OPERATOR_PATHS.invites, { schema: listing }, async (): Promise<Invites> => {
    return { invites: await context.invites.list(clock.now()), registration };
  });

  const revoking = {
    summary: "Revoke an invite",
    security: OPERATOR,
    params: InviteParam,
    response: { 204: Type.Null({ description: "It lets nobody in any more" }), default: HttpError },
  };
  app.delete("/v1/operator/invites/:invite", { schema: revoking }, async (request, reply) => {
    const { invite } = request.params;
    if (!(await context.invites.revoke(invite))) {
      throw new FastChatError(
        "badRequest",
        `There is no invite ${invite}; it may be over or revoked already.`,
      );
    }
    noteOrder(request, { invite });
    return reply.code(204).send(null);
  });
}
