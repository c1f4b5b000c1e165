/**
 * Groups as a chat server knows them: their membership, computed from their logs, and the one way to change it. An event is
 * answered once every other server has been told, so that none takes a message of the epoch before it any more.
 */
import { groupIdOf, openGroupEvent, type SignedGroupEvent } from "../../crypto/group-event.js";
import { applyGroupEvent, groupRefusal, type Group } from "../../crypto/membership.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId, ConversationId } from "../../protocol/ids.js";
import { isPassing } from "../../store/database.js";
import type { GroupStore } from "../../store/groups.js";

export interface GroupRegistryOptions {
  readonly store: GroupStore;
  /**
   * Tells every other server that a group has come to an epoch. Resolves once all that live know.
   *
   * @param accounts whom that concerns: those who were members before or are now
   */
  readonly tellOthers: (
    group: ConversationId,
    epoch: number,
    accounts: readonly AccountId[],
  ) => Promise<void>;
  /** Groups that are kept in memory. */
  readonly most: number;
}

/** Events that are read at a time, and bytes of them. */
const PAGE = 500;
const PAGE_BYTES = 1024 * 1024;
/** Bytes of the events that a client is given at a time; one may be longer than any control message otherwise is. */
const ANSWER_BYTES = 64 * 1024;

export class GroupRegistry {
  /** As far as is known here, least lately used first. */
  readonly #known = new Map<ConversationId, Group>();
  /** Epochs that others told of and that were not read yet. */
  readonly #told = new Map<ConversationId, number>();
  /** Groups whose log may have grown without news of it. */
  readonly #doubted = new Set<ConversationId>();
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

  /**
   * As {@link find}, but reads what may have been added to the log since.
   *
   * @throws StoreError
   */
  refresh(id: ConversationId): Promise<Group | null> {
    return this.#alone(id, () => this.#read(id));
  }

  /** The group, if all that is known of it is in memory. */
  current(id: ConversationId): Group | null {
    const group = this.#known.get(id);
    if (group === undefined || this.#doubted.has(id)) return null;
    return group.epoch < (this.#told.get(id) ?? 0) ? null : group;
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
    const { before, changed } = await this.#alone(group, () => this.#append(id, group, event));
    const accounts = new Set([...(before?.members.keys() ?? []), ...changed.members.keys()]);
    await this.options.tellOthers(group, changed.epoch, [...accounts]);
    return changed;
  }

  /**
   * Events of a group that an account may read: all for a member, and for who was one what happened until then.
   *
   * @param after number of the last event that is known to the account
   * @throws FastChatError `noSuchGroup`, also for a group that the account was never in; StoreError
   */
  async events(
    account: AccountId,
    id: ConversationId,
    after: number,
  ): Promise<{ readonly events: Uint8Array[]; readonly more: boolean }> {
    const last = await this.epoch(account, id);
    if (last === 0)
      throw new FastChatError("noSuchGroup", "There is no such group, or you were never in it.");
    const page = await this.options.store.events(id, after, PAGE, ANSWER_BYTES);
    const events = page.events.slice(0, Math.max(0, last - after));
    return { events, more: page.more && after + events.length < last };
  }

  /**
   * Number of a group's newest event that an account may read.
   *
   * @returns 0 where there is no such group, or the account was never in it
   * @throws StoreError
   */
  async epoch(account: AccountId, id: ConversationId): Promise<number> {
    const group = await this.find(id);
    if (group === null) return 0;
    return group.members.has(account) ? group.epoch : this.#lastAs(account, id);
  }

  /** Another server has taken a group to an epoch: nothing before that holds here from now on. */
  learn(id: ConversationId, epoch: number): void {
    const group = this.#known.get(id);
    // What is neither known here nor being read is read when it is needed.
    if ((group === undefined && !this.#working.has(id)) || (group?.epoch ?? 0) >= epoch) return;
    this.#told.set(id, Math.max(epoch, this.#told.get(id) ?? 0));
  }

  /** A server is gone that may have taken any group further without telling: all are read on when they are needed. */
  doubt(): void {
    for (const id of this.#known.keys()) this.#doubted.add(id);
  }

  async #append(
    id: ConversationId | null,
    group: ConversationId,
    event: SignedGroupEvent,
  ): Promise<{ readonly before: Group | null; readonly changed: Group }> {
    const before = await this.#upToDate(group);
    // Handed in once more, as by a client that lost the answer.
    if (before !== null && before.epoch >= event.number && (await this.#holds(group, event))) {
      return { before, changed: before };
    }
    const outcome = id === null && before !== null ? STALE : applyGroupEvent(before, event);
    if ("refused" in outcome) throw groupRefusal(outcome.refused);
    const { number, hash, bytes } = event;
    let added: boolean;
    try {
      added = await this.options.store.append({ group, number, hash, bytes });
    } catch (error) {
      if (isPassing(error)) await this.#mayHaveGrown(group, number, before);
      throw error;
    }
    if (!added) {
      // Another server was first.
      await this.#read(group);
      throw groupRefusal("stale");
    }
    this.#keep(outcome.group);
    return { before, changed: outcome.group };
  }

  /**
   * Whether an event was added is not known, and it may be added yet. No server takes what it knows for the newest, until
   * the log has come so far: a member who finds the event would write by it to others who are shown none.
   */
  async #mayHaveGrown(id: ConversationId, number: number, before: Group | null): Promise<void> {
    this.learn(id, number);
    await this.options.tellOthers(id, number, [...(before?.members.keys() ?? [])]);
  }

  async #upToDate(id: ConversationId): Promise<Group | null> {
    return this.current(id) ?? this.#read(id);
  }

  async #holds(group: ConversationId, { number, bytes }: SignedGroupEvent): Promise<boolean> {
    const { events } = await this.options.store.events(group, number - 1, 1, PAGE_BYTES);
    return events[0] !== undefined && Buffer.from(bytes).equals(events[0]);
  }

  /** Number of the event by which an account stopped being a member; 0 if it never was one. */
  async #lastAs(account: AccountId, id: ConversationId): Promise<number> {
    let last = 0;
    let before: Group | null = null;
    for await (const group of this.#replay(id, null)) {
      if (before?.members.has(account) === true && !group.members.has(account)) last = group.epoch;
      before = group;
    }
    return last;
  }

  /** Reads on from what is known. */
  async #read(id: ConversationId): Promise<Group | null> {
    this.#doubted.delete(id);
    let group = this.#known.get(id) ?? null;
    try {
      for await (const next of this.#replay(id, group)) group = next;
    } catch (error) {
      if (this.#known.has(id)) this.#doubted.add(id);
      throw error;
    }
    if (group === null) this.#told.delete(id);
    else this.#keep(group);
    return group;
  }

  /** The group after each event behind those that made it what is given. */
  async *#replay(id: ConversationId, from: Group | null): AsyncGenerator<Group, void> {
    let group = from;
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
        yield group;
      }
      more = page.more;
    }
  }

  #keep(group: Group): void {
    this.#known.delete(group.id);
    this.#known.set(group.id, group);
    if (group.epoch >= (this.#told.get(group.id) ?? 0)) this.#told.delete(group.id);
    if (this.#known.size <= this.options.most) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      this.#told.delete(oldest);
      this.#doubted.delete(oldest);
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
