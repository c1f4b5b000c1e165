/** Changes that this account makes to groups: each an event that it signs, made anew where another one came first. */
import type { AccountKeys } from "../../crypto/account-keys.js";
import { groupIdOf, signGroupEvent, type GroupChange } from "../../crypto/group-event.js";
import { applyGroupEvent, groupRefusal, type Group } from "../../crypto/membership.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId, ConversationId } from "../../protocol/ids.js";
import type { Clock, Random } from "../../protocol/runtime.js";
import type { Groups } from "./groups.js";

export interface GroupAdminContext {
  readonly keys: Pick<AccountKeys, "identity">;
  readonly groups: Pick<Groups, "append" | "catchUp">;
  readonly clock: Clock;
  readonly random: Random;
}

const NO_EVENT = new Uint8Array(32);
/** How often a change is made anew because somebody else's came first. */
const MOST_TRIES = 10;

export class GroupAdmin {
  constructor(private readonly context: GroupAdminContext) {}

  /**
   * Makes a group.
   *
   * @param members without this account
   * @throws FastChatError `tooLarge`; what keeps the service from answering
   */
  async create(members: readonly AccountId[]): Promise<ConversationId> {
    const { keys, groups, clock, random } = this.context;
    const event = await signGroupEvent(keys.identity, {
      number: 1,
      previous: NO_EVENT,
      at: clock.now(),
      change: { type: "create", nonce: random.bytes(16), members },
    });
    const outcome = applyGroupEvent(null, event);
    if ("refused" in outcome) throw groupRefusal(outcome.refused);
    const id = groupIdOf(event);
    await groups.append(id, event);
    return id;
  }

  /**
   * Changes a group, as it then is.
   *
   * @param change what to do about the group as it stands; it throws where there is nothing to be done
   * @returns the group with that change
   * @throws FastChatError `forbidden`, `tooLarge` with the reason; `noSuchGroup`; `conflict` where others keep changing it; what
   *   keeps the service from answering
   */
  async change(id: ConversationId, change: (group: Group) => GroupChange): Promise<Group> {
    const { keys, groups, clock } = this.context;
    for (let tries = 1; ; tries++) {
      const group = await groups.catchUp(id);
      const event = await signGroupEvent(keys.identity, {
        number: group.epoch + 1,
        previous: group.head,
        at: clock.now(),
        change: change(group),
      });
      const outcome = applyGroupEvent(group, event);
      if ("refused" in outcome) throw groupRefusal(outcome.refused);
      try {
        await groups.append(id, event);
        return outcome.group;
      } catch (error) {
        const overtaken = error instanceof FastChatError && error.code === "conflict";
        if (!overtaken || tries === MOST_TRIES) throw error;
      }
    }
  }
}
