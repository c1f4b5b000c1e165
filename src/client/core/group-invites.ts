/** Invites: links that admins make, requests of who comes by one, and the answer of the admin who made it (PROTOCOL.md, "Invites"). */
import type { AccountKeys } from "../../crypto/account-keys.js";
import { INVITE_BYTES } from "../../crypto/group-event.js";
import { inviteProof, isInviteProof, makeInviteLink, openInviteLink } from "../../crypto/group-invite.js";
import { FastChatError } from "../../protocol/errors.js";
import { MAX_GROUP_MEMBERS } from "../../protocol/groups.js";
import type { AccountId, ConversationId } from "../../protocol/ids.js";
import type { JoinPayload } from "../../protocol/payload.js";
import type { Clock, Random } from "../../protocol/runtime.js";
import type { Contacts } from "./contacts.js";
import type { GroupActions } from "./group-actions.js";
import type { GroupAdmin } from "./group-admin.js";
import type { GroupNames } from "./group-names.js";
import type { Groups } from "./groups.js";
import type { Outbox } from "./outbox.js";

export interface GroupInvitesContext {
  readonly me: AccountId;
  readonly keys: Pick<AccountKeys, "identity" | "archive">;
  readonly groups: Pick<Groups, "catchUp">;
  readonly groupNames: Pick<GroupNames, "find">;
  readonly admin: GroupAdmin;
  readonly actions: Pick<GroupActions, "letIn">;
  readonly contacts: Pick<Contacts, "byAccount">;
  readonly outbox: Pick<Outbox, "send">;
  readonly clock: Clock;
  readonly random: Random;
}

const DAY_MS = 86_400_000;

export class GroupInvites {
  constructor(private readonly context: GroupInvitesContext) {}

  /**
   * Makes an invite.
   *
   * @param uses how many may come by it, 1 to 1,000
   * @param days how long it is good, 1 to 365
   * @returns the link
   * @throws FastChatError `noSuchGroup`, `badRequest`; `forbidden` for anybody but admins; what keeps the service from answering
   */
  async make(text: string, uses: number, days: number): Promise<string> {
    const { keys, groupNames, admin, clock, random } = this.context;
    if (!isWithin(uses, 1, MAX_GROUP_MEMBERS) || !isWithin(days, 1, 365)) {
      throw new FastChatError(
        "badRequest",
        `An invite is for 1 to ${MAX_GROUP_MEMBERS} people, and for 1 to 365 days.`,
      );
    }
    const group = await groupNames.find(text);
    const invite = random.bytes(INVITE_BYTES);
    await admin.change(group, () => ({ type: "invite", invite, uses }));
    const until = clock.now() + days * DAY_MS;
    return makeInviteLink(keys.identity, keys.archive.indexKey, { group, invite, until });
  }

  /**
   * Takes an invite back.
   *
   * @throws FastChatError `badRequest` for what is no link; `forbidden`; what keeps the service from answering
   */
  async revoke(link: string): Promise<ConversationId> {
    const { group, invite } = await openInviteLink(link);
    await this.context.admin.change(group, () => ({ type: "invite", invite, uses: 0 }));
    return group;
  }

  /**
   * Asks the admin who made an invite to be let in. That happens when a client of theirs gets it.
   *
   * @returns whom it asked
   * @throws FastChatError `badRequest` for what is no link, or one that has ended; `conflict` where this account is a member
   *   already; what keeps the message from being sent
   */
  async join(link: string): Promise<string> {
    const { me, groups, contacts, outbox, clock } = this.context;
    const { group, invite, until, account, secret } = await openInviteLink(link);
    if (until <= clock.now())
      throw new FastChatError("badRequest", "The invite has ended; ask for another one.");
    // Who was removed, and has not heard of it, is to be let in again.
    const known = await groups.catchUp(group).catch(() => null);
    if (known?.members.has(me) === true)
      throw new FastChatError("conflict", "You are in that group already.");
    const { name } = await contacts.byAccount(account);
    const proof = await inviteProof(secret, { group, invite, until }, me);
    await outbox.send({ kind: "person", name }, { type: "join", group, invite, until, proof });
    return name;
  }

  /**
   * Somebody asks to be let in. Whatever does not fit is left as it is: who asks sees that nothing comes of it. Rejects only where
   * this device fails.
   */
  async answer(sender: AccountId, { group: id, invite, until, proof }: JoinPayload): Promise<void> {
    const { me, keys, groups, actions, clock } = this.context;
    const terms = { group: id, invite, until };
    if (until <= clock.now() || !(await isInviteProof(keys.archive.indexKey, terms, sender, proof))) return;
    try {
      const before = await groups.catchUp(id);
      if (before.members.get(me)?.admin !== true || before.members.has(sender)) return;
      await actions.letIn(id, ({ members }) => {
        // Another device of this account may have been first.
        if (members.has(sender)) throw new FastChatError("conflict", "They are in the group already.");
        return { type: "add", members: [sender], invite };
      });
    } catch (error) {
      if (!(error instanceof FastChatError)) throw error;
    }
  }
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
