/** Messages before they have a number, and how they get it. */
import { FastChatError } from "../../protocol/errors.js";
import type { ConversationId } from "../../protocol/ids.js";
import type { Payload } from "../../protocol/payload.js";
import type { Conversations } from "./conversations.js";
import type { OutboxEntry } from "./outbox-files.js";
import { shownGroup, type Peer } from "./peers.js";
import type { PendingSend } from "./pending-send.js";

export interface Draft {
  readonly to: Peer;
  readonly payload: Payload;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly pending: PendingSend;
}

/** Messages that are sealed, in order, and the numbers that they used up. */
export interface Numbered {
  readonly entries: readonly OutboxEntry[];
  /** Who waits for each. */
  readonly pending: readonly PendingSend[];
  /** The last number given in each of their conversations. */
  readonly last: ReadonlyMap<ConversationId, number>;
}

export interface NumberingContext {
  readonly me: Pick<OutboxEntry, "device"> & { readonly account: OutboxEntry["sender"] };
  readonly conversations: Pick<Conversations, "of" | "seal">;
}

/**
 * Numbers and seals messages in their order. One that cannot be sent is refused and uses up no number; one that nobody
 * waits for any more is left out.
 *
 * @param numbers the last number of each conversation so far; not changed
 * @param maxFrameBytes the most that one may take on the wire
 */
export async function numberDrafts(
  { me, conversations }: NumberingContext,
  drafts: readonly Draft[],
  numbers: ReadonlyMap<ConversationId, number>,
  maxFrameBytes: number,
): Promise<Numbered> {
  const last = new Map<ConversationId, number>();
  const entries: OutboxEntry[] = [];
  const waiting: PendingSend[] = [];
  for (const { to, payload, at, pending } of drafts) {
    if (pending.over) continue;
    // From here on, giving up does not take the message back.
    pending.kept = true;
    try {
      const conversation = await conversations.of(to);
      const number = (last.get(conversation) ?? numbers.get(conversation) ?? 0) + 1;
      const { message, frame, entry } = await conversations.seal(to, payload, number, at);
      if (frame.length > maxFrameBytes) throw tooLarge(frame.length, maxFrameBytes);
      last.set(conversation, number);
      waiting.push(pending);
      entries.push({
        sender: me.account,
        device: me.device,
        to: to.kind === "group" ? shownGroup(to.group, to.title) : to.card.name,
        message,
        conversation,
        number,
        at,
        frame,
        entry,
        accepted: false,
      });
    } catch (error) {
      if (!(error instanceof FastChatError)) throw error;
      pending.refuse(error);
    }
  }
  return { entries, pending: waiting, last };
}

export function tooLarge(bytes: number, most: number): FastChatError {
  return new FastChatError(
    "tooLarge",
    `The message takes ${bytes} bytes; at most ${most} may be sent at once.`,
  );
}
