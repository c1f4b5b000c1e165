/**
 * Messages to groups that are on their way (PROTOCOL.md, "Sending"): those of one group are sealed for one epoch of it, or a later
 * one could be taken before them. Where the group has changed they all come back first, and are then sealed for its members of now.
 */
import { FastChatError, type ErrorCode } from "../../protocol/errors.js";
import { frameEpoch } from "../../protocol/hot.js";
import type { ConversationId } from "../../protocol/ids.js";
import type { OutboxItem } from "./archive-order.js";
import type { OutboxEntry } from "./outbox-files.js";
import type { Session } from "./session.js";

/** What has become of a message as it was sealed before. */
export interface SealingPast {
  /** The service has called what it was sealed for out of date. */
  readonly refused: boolean;
  /** It may have left, in this process or one before, and be with some of its recipients. */
  readonly left: boolean;
}

export interface GroupFlightContext {
  readonly session: Pick<Session, "welcome" | "renew">;
  sealAgain(entry: OutboxEntry, past: SealingPast): Promise<OutboxEntry>;
  /** What of a group is not accepted, and not put off, in the order of sending. */
  itemsOf(conversation: ConversationId): Iterable<OutboxItem>;
  /** It can never be sealed for the members of now. */
  onRefused(item: OutboxItem, error: FastChatError): void;
  /** All of a group is to be sent; `again`: also what had left in this session. */
  onReady(conversation: ConversationId, again: boolean): void;
}

/** Why a message can never be sealed for its group's members of now. */
const LASTING: ReadonlySet<ErrorCode> = new Set(["forbidden", "badRequest", "noSuchGroup"]);

export class GroupFlight {
  /** On the way, by group. */
  readonly #onTheWay = new Map<ConversationId, Set<OutboxItem>>();
  /** Refused for the membership that they were sealed for, and not sealed anew yet. */
  readonly #stale = new Set<OutboxItem>();
  /** Groups whose messages are to be sealed anew, once none of them is on the way any more, or are being so. */
  readonly #sealing = new Map<ConversationId, "soon" | "now">();

  constructor(private readonly context: GroupFlightContext) {}

  /** Whether a message must wait until others to its group are answered, or sealed anew. */
  holdsBack({ entry: { conversation, frame } }: OutboxItem): boolean {
    if (this.#sealing.has(conversation)) return true;
    const [other] = this.#onTheWay.get(conversation) ?? [];
    return other !== undefined && frameEpoch(other.entry.frame) !== frameEpoch(frame);
  }

  onLeft(item: OutboxItem): void {
    if (!isToGroup(item)) return;
    const { conversation } = item.entry;
    this.#onTheWay.set(conversation, (this.#onTheWay.get(conversation) ?? new Set()).add(item));
  }

  /** It is answered, whatever that says. */
  onAnswered(item: OutboxItem): void {
    const { conversation } = item.entry;
    const others = this.#onTheWay.get(conversation);
    if (others?.delete(item) !== true || others.size > 0) return;
    this.#onTheWay.delete(conversation);
    if (this.#sealing.get(conversation) === "soon") this.#sealNow(conversation);
  }

  /** The group has changed since it was sealed. It is about to be told as answered. */
  onStale(item: OutboxItem): void {
    const { conversation } = item.entry;
    if (!this.#sealing.has(conversation)) this.#sealing.set(conversation, "soon");
    this.#stale.add(item);
  }

  /** No answer comes any more to what left. */
  clear(): void {
    this.#onTheWay.clear();
    this.#stale.clear();
    for (const [conversation, when] of this.#sealing) if (when === "soon") this.#sealing.delete(conversation);
  }

  #sealNow(conversation: ConversationId): void {
    const { context } = this;
    const { session } = context;
    const { welcome } = session;
    this.#sealing.set(conversation, "now");
    this.#sealAll(conversation).then(
      () => {
        this.#sealing.delete(conversation);
        // In a session that began meanwhile all of it is to be sent anyway.
        context.onReady(conversation, session.welcome === welcome);
      },
      () => {
        this.#sealing.delete(conversation);
        // What keeps it from being sealed may have passed with the next session.
        if (session.welcome === welcome) session.renew();
        else context.onReady(conversation, false);
      },
    );
  }

  async #sealAll(conversation: ConversationId): Promise<void> {
    for (const item of this.context.itemsOf(conversation)) {
      try {
        const left = item.sent || item.pending === null;
        item.entry = await this.context.sealAgain(item.entry, { refused: this.#stale.has(item), left });
        this.#stale.delete(item);
      } catch (error) {
        if (!(error instanceof FastChatError) || !LASTING.has(error.code)) throw error;
        this.context.onRefused(item, error);
      }
    }
  }
}

/** To a group, and not to one person. */
export function isToGroup({ entry: { frame } }: OutboxItem): boolean {
  return frameEpoch(frame) > 0;
}
