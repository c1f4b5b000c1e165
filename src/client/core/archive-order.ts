/** Own messages go to the archive once they are accepted, in each conversation in the order they were sent. */
import { FastChatError } from "../../protocol/errors.js";
import type { ConversationId } from "../../protocol/ids.js";
import type { Archive } from "./archive.js";
import type { OutboxEntry } from "./outbox-files.js";
import type { PendingSend } from "./pending-send.js";

/** A message of the outbox while it is on its way. */
export interface OutboxItem {
  /** A message to a group is sealed anew, as the same message, where the group has changed meanwhile. */
  entry: OutboxEntry;
  /** Name of its file. */
  readonly file: string;
  /** `done`: archived, or refused. */
  progress: "waiting" | "accepted" | "done";
  /** Whether it has left, in this session or one before. */
  sent: boolean;
  /** Who waits for it, in this process. */
  readonly pending: PendingSend | null;
}

export class ArchiveOrder {
  readonly #archive: Pick<Archive, "append">;
  readonly #onArchived: (item: OutboxItem) => void;
  readonly #chains = new Map<ConversationId, OutboxItem[]>();
  /** Given to the archive, and not answered. */
  readonly #underWay = new Set<OutboxItem>();

  /** @param onArchived told of every item that is done; it must not throw */
  constructor(archive: Pick<Archive, "append">, onArchived: (item: OutboxItem) => void) {
    this.#archive = archive;
    this.#onArchived = onArchived;
  }

  /** Whether nothing that is accepted waits for the archive. */
  get isEmpty(): boolean {
    if (this.#underWay.size > 0) return false;
    for (const chain of this.#chains.values()) {
      if (chain.some(({ progress }) => progress === "accepted")) return false;
    }
    return true;
  }

  /** Puts a message behind the others of its conversation. */
  enter(item: OutboxItem): void {
    const { conversation } = item.entry;
    const chain = this.#chains.get(conversation);
    if (chain === undefined) this.#chains.set(conversation, [item]);
    else chain.push(item);
  }

  /** Archives what can be, now that these are settled. */
  advance(settled: readonly OutboxItem[]): void {
    for (const conversation of new Set(settled.map(({ entry }) => entry.conversation))) {
      const chain = this.#chains.get(conversation) ?? [];
      while (chain[0] !== undefined && chain[0].progress !== "waiting") {
        const item = chain.shift() as OutboxItem;
        if (item.progress === "accepted") void this.#append(item);
      }
      if (chain.length === 0) this.#chains.delete(conversation);
    }
  }

  /**
   * Lets go of all that is not given to the archive yet: each of these waits for an earlier one of its conversation, and
   * whoever takes that one up again must take those behind it up again, too, or they would be archived before it.
   *
   * @returns what was let go of
   */
  clear(): OutboxItem[] {
    const left = [...this.#chains.values()].flat();
    this.#chains.clear();
    return left;
  }

  async #append(item: OutboxItem): Promise<void> {
    const { entry } = item.entry;
    this.#underWay.add(item);
    try {
      if (entry !== null) await this.#archive.append(entry);
    } catch (error) {
      const never =
        error instanceof FastChatError && (error.code === "tooLarge" || error.code === "badRequest");
      if (!never) {
        // The archive was closed: the message stays in the outbox, and is archived by whoever opens it next.
        this.#underWay.delete(item);
        return;
      }
    }
    this.#underWay.delete(item);
    item.progress = "done";
    this.#onArchived(item);
  }
}
