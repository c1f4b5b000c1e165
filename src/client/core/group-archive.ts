/** Groups in the personal archive: their logs and titles, for all devices of the account, and their changes where people see them. */
import type { GroupEventEntry, GroupTitleEntry } from "../../crypto/archive-entry.js";
import type { SignedGroupEvent } from "../../crypto/group-event.js";
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { equalBytes } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId, ConversationId, MessageId } from "../../protocol/ids.js";
import type { Clock } from "../../protocol/runtime.js";
import type { Archive, PageEntry } from "./archive.js";
import type { Entries } from "./entries.js";

export interface GroupArchiveContext {
  readonly archive: Pick<Archive, "append" | "read">;
  readonly entries: Entries;
  readonly clock: Clock;
}

export class GroupArchive {
  constructor(private readonly context: GroupArchiveContext) {}

  /**
   * Adds an event.
   *
   * @returns once it is given to the archive, so that the message that told of it stands behind it there; `same` once it stands
   *   there, or says that another event took its place before. It rejects where the archive was closed.
   */
  async add(
    group: ConversationId,
    { number, bytes }: SignedGroupEvent,
  ): Promise<{ readonly same: Promise<boolean> }> {
    const { archive, entries, clock } = this.context;
    const { logged, notice } = await entries.groupEvent(group, number, bytes, clock.now());
    const appended = Promise.all([archive.append(logged), archive.append(notice)]);
    return { same: appended.then(([{ had }]) => !had || this.#stands(logged.entry, bytes)) };
  }

  /**
   * Adds a title.
   *
   * @param message that gave it
   * @returns the counter of its entry: which of two titles is the newer one the archive's order tells, alike to all devices
   * @throws FastChatError where the archive was closed
   */
  async addTitle(
    group: ConversationId,
    title: string,
    message: { readonly sender: AccountId; readonly message: MessageId },
  ): Promise<number> {
    const { archive, entries } = this.context;
    return (await archive.append(await entries.groupTitle(group, title, message))).counter;
  }

  /**
   * What all devices have added behind a counter, in pages.
   *
   * @throws FastChatError what the archive answers
   */
  async *after(counter: number): AsyncGenerator<readonly PageEntry[], void> {
    const { archive, entries } = this.context;
    const chat = await entries.groups();
    let last = counter;
    for (let more = true; more;) {
      const page = await archive.read({ type: "after", after: last, chat, limit: MAX_ENTRIES });
      for (const entry of page.entries) {
        if (entry.counter <= last) throw new FastChatError("badFrame", "The archive's page is not in order.");
        last = entry.counter;
      }
      more = page.more && page.entries.length > 0;
      if (page.entries.length > 0) yield page.entries;
    }
  }

  /** @returns `null` for what is none of this, or damaged: nothing is learned on the archive's word */
  async open(entry: PageEntry): Promise<GroupEventEntry | GroupTitleEntry | null> {
    const { entries } = this.context;
    if (!equalBytes(entry.chat, await entries.groups())) return null;
    try {
      const content = await entries.open(entry);
      return content.type === "groupEvent" || content.type === "groupTitle" ? content : null;
    } catch (error) {
      if (error instanceof FastChatError && error.code === "undecryptable") return null;
      throw error;
    }
  }

  /** Whether it is that event that stands there. One that cannot be read is told by the ledger. */
  async #stands(tag: Uint8Array, bytes: Uint8Array): Promise<boolean> {
    const { entries } = await this.context.archive.read({ type: "find", entry: tag });
    const standing = entries.find(({ entry }) => equalBytes(entry, tag));
    const content = standing === undefined ? null : await this.open(standing);
    return content?.type !== "groupEvent" || equalBytes(content.event, bytes);
  }
}
