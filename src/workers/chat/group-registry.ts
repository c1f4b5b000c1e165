/**
 * Groups as a chat server knows them: their membership, computed from their logs, and the one way to change it. An event is
 * answered once every other server has been told, so that none takes a message of the epoch before it any more.
 */
import { groupIdOf, openGroupEvent, type SignedGroupEvent } from "../../crypto/group-event.js";
import { applyGroupEvent, type Group, type GroupRefusal } from "../../crypto/membership.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId, ConversationId } from "../../protocol/ids.js";
import type { GroupStore } from "../../store/groups.js";

export interface GroupRegistryOptions {
  readonly store: GroupStore;
  /** Tells every other server that a group has come to an epoch. Resolves once all that live know. */
  readonly tellOthers: (group: ConversationId, epoch: number) => Promise<void>;
  /** Groups that are kept in memory. */
  readonly most: number;
}

/** Events that are read at a time, and bytes of them. */
const PAGE = 500;
const PAGE_BYTES = 1024 * 1024;

const REFUSALS: Readonly<Record<GroupRefusal, string>> = {
  stale: "The group has changed meanwhile; read its newest events and try again.",
  notMember: "You are not a member of this group.",
  notAdmin: "Only the group's admins may do that.",
  already: "Somebody of those is that already.",
  noSuchMember: "Somebody of those is no member, or no admin.",
  yourself: "Leave the group instead of removing yourself.",
  tooMany: "The group would have too many members or invites.",
  lastAdmin: "Somebody must be the group's admin.",
  noSuchInvite: "The invite was revoked, or has been used as often as it may be.",
};

export class GroupRegistry {
  /** As far as is known here, least lately used first. */
  readonly #known = new Map<ConversationId, Group>();
  /** Epochs that others told of and that were not read yet. */
  readonly #told = new Map<ConversationId, number>();
  /** What is being done with a group: one thing after another. */
  readonly #working = new Map<ConversationId, Promise<unknown>>();

  constructor(private readonly options: GroupRegistryOptions) {}

  /**
   * The group, as it is now.
   *
   * @returns `null` where there is none of that id
   * @throws StoreError
   */
  async find(id: ConversationId): Promise<Group | null> {
    const group = this.current(id);
    if (group === null) return this.#alone(id, () => this.#read(id));
    this.#keep(group);
    return group;
  }

  /** The group, if all that is known of it is in memory. */
  current(id: ConversationId): Group | null {
    const group = this.#known.get(id);
    return group === undefined || group.epoch < (this.#told.get(id) ?? 0) ? null : group;
  }

  /**
   * Adds an event to a group's log.
   *
   * @param id `null` for an event that makes a group
   * @param actor of whose session it came
   * @returns the group as it is then, once every server knows
   * @throws FastChatError `badRequest` for what is no event, or somebody else's; `forbidden`, `conflict`, `tooLarge` with the reason
   *   why it may not follow, and then the log is as it was; StoreError, and then it may have been added
   */
  async append(id: ConversationId | null, actor: AccountId, bytes: Uint8Array): Promise<Group> {
    const event = await opened(bytes);
    if (event.actor !== actor) {
      throw new FastChatError("badRequest", "The event was made by somebody else.");
    }
    const group = id ?? groupIdOf(event);
    const changed = await this.#alone(group, () => this.#append(id, group, event));
    await this.options.tellOthers(group, changed.epoch);
    return changed;
  }

  /** Another server has taken a group to an epoch: nothing before that holds here from now on. */
  learn(id: ConversationId, epoch: number): void {
    const group = this.#known.get(id);
    // What is not known here is read when it is needed.
    if (group !== undefined && group.epoch < epoch) this.#told.set(id, epoch);
  }

  async #append(id: ConversationId | null, group: ConversationId, event: SignedGroupEvent): Promise<Group> {
    const before = await this.#upToDate(group);
    // Handed in once more, as by a client that lost the answer.
    if (before !== null && before.epoch >= event.number && (await this.#holds(group, event))) return before;
    const outcome = id === null && before !== null ? STALE : applyGroupEvent(before, event);
    if ("refused" in outcome) throw refusal(outcome.refused);
    const { number, hash, bytes } = event;
    if (!(await this.options.store.append({ group, number, hash, bytes }))) {
      // Another server was first.
      await this.#read(group);
      throw refusal("stale");
    }
    this.#keep(outcome.group);
    return outcome.group;
  }

  async #upToDate(id: ConversationId): Promise<Group | null> {
    return this.current(id) ?? this.#read(id);
  }

  async #holds(group: ConversationId, { number, bytes }: SignedGroupEvent): Promise<boolean> {
    const { events } = await this.options.store.events(group, number - 1, 1, PAGE_BYTES);
    return events[0] !== undefined && Buffer.from(bytes).equals(events[0]);
  }

  /** Reads on from what is known. */
  async #read(id: ConversationId): Promise<Group | null> {
    let group = this.#known.get(id) ?? null;
    for (let more = true; more;) {
      const page = await this.options.store.events(id, group?.epoch ?? 0, PAGE, PAGE_BYTES);
      for (const bytes of page.events) {
        const outcome = applyGroupEvent(group, await openGroupEvent(bytes));
        // Nothing is written there that does not follow; but for a database that somebody else wrote to.
        if ("refused" in outcome || outcome.group.id !== id) {
          throw new FastChatError(
            "internal",
            `The log of a group is damaged behind event ${group?.epoch ?? 0}.`,
          );
        }
        group = outcome.group;
      }
      more = page.more;
    }
    if (group !== null) this.#keep(group);
    return group;
  }

  #keep(group: Group): void {
    this.#known.delete(group.id);
    this.#known.set(group.id, group);
    if (group.epoch >= (this.#told.get(group.id) ?? 0)) this.#told.delete(group.id);
    if (this.#known.size <= this.options.most) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      this.#told.delete(oldest);
      break;
    }
  }

  /** Runs `work` behind what is being done with that group. */
  #alone<T>(id: ConversationId, work: () => Promise<T>): Promise<T> {
    const before = this.#working.get(id) ?? Promise.resolve();
    const working = before.then(work, work);
    const settled = working.then(
      () => undefined,
      () => undefined,
    );
    this.#working.set(id, settled);
    void settled.then(() => {
      if (this.#working.get(id) === settled) this.#working.delete(id);
    });
    return working;
  }
}

const STALE = { refused: "stale" } as const;

async function opened(bytes: Uint8Array): Promise<SignedGroupEvent> {
  try {
    return await openGroupEvent(bytes);
  } catch (cause) {
    throw new FastChatError(
      "badRequest",
      "That is no event of a group, or its signature is not its own.",
      undefined,
      {
        cause,
      },
    );
  }
}

function refusal(reason: GroupRefusal): FastChatError {
  const code = reason === "stale" ? "conflict" : reason === "tooMany" ? "tooLarge" : "forbidden";
  return new FastChatError(code, REFUSALS[reason]);
}
