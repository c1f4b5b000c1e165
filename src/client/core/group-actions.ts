/** What people do with groups: by names and titles, with a message to the members where these are to learn something. */
import type { GroupChange } from "../../crypto/group-event.js";
import type { Group } from "../../crypto/membership.js";
import { utf8 } from "../../protocol/bytes.js";
import { FastChatError, type ErrorCode } from "../../protocol/errors.js";
import {
  readId16,
  type AccountId,
  type ConversationId,
  type MessageId,
  type UserName,
} from "../../protocol/ids.js";
import { MAX_TITLE_BYTES, type Payload } from "../../protocol/payload.js";
import type { Random } from "../../protocol/runtime.js";
import type { Contacts } from "./contacts.js";
import type { GroupAdmin } from "./group-admin.js";
import type { GroupNames } from "./group-names.js";
import type { Groups } from "./groups.js";
import type { GroupSummary } from "./messages.js";
import type { Outbox } from "./outbox.js";
import { shownGroup } from "./peers.js";

export interface GroupActionsContext {
  readonly me: AccountId;
  readonly groups: Pick<
    Groups,
    "catchUp" | "find" | "list" | "retitle" | "titleOf" | "readOn" | "noteUntitled" | "untitled"
  >;
  readonly groupNames: Pick<GroupNames, "find">;
  readonly admin: GroupAdmin;
  readonly contacts: Pick<Contacts, "byName" | "namesOf">;
  readonly outbox: Pick<Outbox, "send">;
  readonly random: Random;
}

/** What an admin does to members. */
export type MemberAction = "add" | "remove" | "promote" | "demote";

/** What says that a change was not made. */
const REFUSED: ReadonlySet<ErrorCode> = new Set([
  "forbidden",
  "tooLarge",
  "badRequest",
  "conflict",
  "noSuchGroup",
]);

export class GroupActions {
  constructor(private readonly context: GroupActionsContext) {}

  /**
   * Makes a group, whose admin this account is, and tells its members what it is called.
   *
   * @throws FastChatError `badRequest` for a title that is none; `noSuchAccount`, `keyChanged` for a name; `tooLarge`; what keeps the
   *   service from answering
   */
  async create(title: string, names: readonly UserName[]): Promise<GroupSummary> {
    checkTitle(title);
    const accounts = await this.#accountsOf(names);
    const id = await this.context.admin.create([...accounts.keys()].filter((one) => one !== this.context.me));
    await this.#call(id, title);
    return this.summary(id);
  }

  /** @throws FastChatError `badRequest`, `noSuchGroup`; `forbidden` for anybody but admins */
  async rename(text: string, title: string): Promise<GroupSummary> {
    checkTitle(title);
    const id = await this.context.groupNames.find(text);
    const group = await this.context.groups.catchUp(id);
    if (group.members.get(this.context.me)?.admin !== true) {
      throw new FastChatError("forbidden", "Only the group's admins may do that.");
    }
    await this.#call(id, title);
    return this.summary(id);
  }

  /**
   * Adds, removes, promotes or demotes people.
   *
   * @throws FastChatError `noSuchGroup`, `noSuchAccount`, `keyChanged`; `forbidden`, `tooLarge` with the reason; what keeps the
   *   service from answering
   */
  async change(text: string, action: MemberAction, names: readonly UserName[]): Promise<GroupSummary> {
    const { groups, admin } = this.context;
    const id = await this.context.groupNames.find(text);
    const accounts = await this.#accountsOf(names);
    const shown = shownGroup(id, await groups.titleOf(id));
    const change = (group: Group): GroupChange => changeOf(group, action, accounts, shown);
    if (action === "add") await this.letIn(id, change);
    else await admin.change(id, change);
    return this.summary(id);
  }

  /**
   * Adds people, and tells what the group is called, so that they know it.
   *
   * @param change made of the group as it is by then
   * @throws FastChatError as {@link GroupAdmin.change}
   */
  async letIn(id: ConversationId, change: (group: Group) => GroupChange): Promise<void> {
    const { groups, admin } = this.context;
    const before = await groups.noteUntitled(id, true);
    try {
      await admin.change(id, change);
    } catch (error) {
      // Of all else it is not certain that nobody came.
      if (error instanceof FastChatError && REFUSED.has(error.code)) await groups.noteUntitled(id, before);
      throw error;
    }
    await this.#tellTitle(id);
  }

  async #tellTitle(id: ConversationId): Promise<void> {
    const { groups } = this.context;
    const title = await groups.titleOf(id);
    if (title !== "") await this.#tell(id, { type: "title", title, again: true });
    await groups.noteUntitled(id, false);
  }

  /** Tells titles that a crash, or the service's being away, has kept from being told. Never throws but where this device fails. */
  async tellTitlesLeft(): Promise<void> {
    for (const id of await this.context.groups.untitled()) {
      try {
        await this.#tellTitle(id);
      } catch (error) {
        // When it comes back next.
        if (!(error instanceof FastChatError)) throw error;
      }
    }
  }

  /** @throws FastChatError `noSuchGroup`; `forbidden` for who is no member; what keeps the service from answering */
  async leave(text: string): Promise<GroupSummary> {
    const { groupNames, admin } = this.context;
    const id = await groupNames.find(text);
    await admin.change(id, () => ({ type: "leave" }));
    return this.summary(id);
  }

  /** Those that this account is in, by title, and on demand those that it was in. */
  async list(former: boolean): Promise<GroupSummary[]> {
    const { groups, me } = this.context;
    // What other devices know, where the archive can be asked.
    await groups.readOn();
    const summaries: GroupSummary[] = [];
    for (const { group, title } of await groups.list()) {
      if (former || group.members.has(me)) summaries.push(await this.#summaryOf(group, title));
    }
    return summaries.sort((one, other) => (one.title < other.title ? -1 : one.title > other.title ? 1 : 0));
  }

  /** A group as it is now, or, where the service is away, as it was known last. @throws FastChatError `noSuchGroup` */
  async info(text: string): Promise<GroupSummary> {
    const { groups } = this.context;
    const id = await this.context.groupNames.find(text);
    await groups.catchUp(id).catch((error: unknown) => {
      if (!(error instanceof FastChatError)) throw error;
    });
    return this.summary(id);
  }

  async summary(id: ConversationId): Promise<GroupSummary> {
    const found = await this.context.groups.find(id);
    if (found === null) throw new FastChatError("noSuchGroup", "The group is not known here.");
    return this.#summaryOf(found.group, found.title);
  }

  async #summaryOf({ id, members, epoch }: Group, title: string): Promise<GroupSummary> {
    const { me, contacts } = this.context;
    const names = await contacts.namesOf(members.keys());
    const self = members.get(me);
    return {
      id,
      title,
      epoch,
      members: [...members].map(([account, { admin }]) => ({
        account,
        admin,
        name: names.get(account) ?? account,
      })),
      isMember: self !== undefined,
      isAdmin: self?.admin ?? false,
    };
  }

  /** Tells all members what the group is called; oneself needs no message. */
  async #call(id: ConversationId, title: string): Promise<void> {
    const { groups, me, random } = this.context;
    await groups.retitle(id, title, { sender: me, message: readId16<MessageId>(random.bytes(16)) });
    await this.#tell(id, { type: "title", title });
  }

  async #tell(id: ConversationId, payload: Payload): Promise<void> {
    const { groups, outbox } = this.context;
    const members = (await groups.find(id))?.group.members;
    if (members === undefined || members.size <= 1) return;
    await outbox.send({ kind: "group", text: id }, payload);
  }

  async #accountsOf(names: readonly UserName[]): Promise<Map<AccountId, UserName>> {
    const accounts = new Map<AccountId, UserName>();
    for (const name of names) accounts.set((await this.context.contacts.byName(name)).account, name);
    return accounts;
  }
}

/** @throws FastChatError `forbidden` naming who is not fit for it */
function changeOf(
  { members }: Group,
  action: MemberAction,
  accounts: ReadonlyMap<AccountId, UserName>,
  shown: string,
): GroupChange {
  for (const [account, name] of accounts) {
    const member = members.get(account);
    if (action === "add" && member !== undefined) throw unfit(`"${name}" is in ${shown} already.`);
    if (action !== "add" && member === undefined) throw unfit(`"${name}" is not in ${shown}.`);
    if (action === "promote" && member?.admin === true)
      throw unfit(`"${name}" is an admin of ${shown} already.`);
    if (action === "demote" && member?.admin === false) throw unfit(`"${name}" is no admin of ${shown}.`);
  }
  const list = [...accounts.keys()];
  return action === "add" ? { type: "add", members: list, invite: null } : { type: action, members: list };
}

function unfit(text: string): FastChatError {
  return new FastChatError("forbidden", text);
}

/** @throws FastChatError `badRequest` */
function checkTitle(title: string): void {
  const bytes = utf8(title).length;
  if (title.trim() !== title || bytes === 0 || bytes > MAX_TITLE_BYTES || /[\p{Cc}]/u.test(title)) {
    throw new FastChatError(
      "badRequest",
      `A title is one line of 1 to ${MAX_TITLE_BYTES} bytes, without spaces at its ends.`,
    );
  }
  if (title.startsWith("#")) throw new FastChatError("badRequest", "Leave out the # in front of the title.");
}
