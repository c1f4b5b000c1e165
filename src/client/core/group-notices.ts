/**
 * Shows changes of groups while somebody listens. What makes a group is told before the message that names it: it waits for that a
 * little, so that people are told of a title and not of an id.
 */
import type { AccountId } from "../../protocol/ids.js";
import type { Clock } from "../../protocol/runtime.js";
import type { Contacts } from "./contacts.js";
import type { Display } from "./display.js";
import { accountsShown, changeText } from "./group-text.js";
import type { GroupNews, Groups } from "./groups.js";
import type { GroupNotice } from "./messages.js";

export interface GroupNoticesContext {
  readonly groups: Pick<Groups, "onNews" | "titleOf">;
  readonly contacts: Pick<Contacts, "known" | "namesOf">;
  readonly display: Pick<Display, "inTurn">;
  readonly clock: Clock;
  onGroup(notice: GroupNotice): void | Promise<void>;
  /** It could not be shown. */
  onFailure(error: Error): void;
}

/** How long what has no title waits for one, in milliseconds. */
const TITLE_MS = 3_000;

export class GroupNotices {
  readonly #waiting: GroupNews[] = [];
  readonly #stopListening: () => void;
  #showing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(private readonly context: GroupNoticesContext) {
    this.#stopListening = context.groups.onNews((news) => {
      this.#waiting.push(news);
      if (news.title !== "") void this.flush();
      else context.clock.after(TITLE_MS, () => void this.flush());
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#stopListening();
  }

  /**
   * Shows what waits, in front of what is shown next.
   *
   * @returns once it is shown
   */
  flush(): Promise<void> {
    const shown = this.#showing;
    this.#showing = this.#showAll().then(() => shown);
    return this.#showing;
  }

  async #showAll(): Promise<void> {
    const showing = this.#waiting
      .splice(0)
      .map((news) => this.context.display.inTurn(() => this.#show(news)));
    try {
      await Promise.all(showing);
    } catch (error) {
      if (!this.#stopped) this.context.onFailure(error as Error);
    }
  }

  async #show({ group: id, event }: GroupNews): Promise<void> {
    const { groups, contacts } = this.context;
    const names = await contacts.namesOf(accountsShown(event));
    // Of a thousand who come at once not everybody's name is asked for.
    const nameOf = (account: AccountId): string =>
      names.get(account) ?? contacts.known(account)?.name ?? account;
    const { change } = event;
    const group = { id, title: await groups.titleOf(id) };
    if (this.#stopped) return;
    await this.context.onGroup({
      group,
      change: change.type,
      members: "members" in change ? change.members.map(nameOf) : [],
      by: nameOf(event.actor),
      text: changeText(event, nameOf),
      at: event.at,
    });
  }
}
