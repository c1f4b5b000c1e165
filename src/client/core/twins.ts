/**
 * A message to a group may come as two envelopes: sealed anew, where the group has changed before it was accepted. One that could
 * not be judged when it came stands in the archive as it came, under a name of its own: it has to be looked for.
 */
import type { EnvelopeHeader } from "../../crypto/envelope-header.js";
import { MAX_ENTRIES } from "../../protocol/archive.js";
import type { Archive } from "./archive.js";
import type { Conversations } from "./conversations.js";
import type { Entries } from "./entries.js";
import { openOrNull, outOfOrder } from "./page-entries.js";

export interface TwinContext {
  readonly archive: Pick<Archive, "read">;
  readonly entries: Pick<Entries, "open">;
  readonly conversations: Pick<Conversations, "judge">;
}

/** Entries of a chat among which a message is looked for: farther back it is not. */
const WITHIN = 500;

/**
 * Whether a message stands in its chat as one that could not be judged when it came, and is genuine.
 *
 * @param chat tag, 32 bytes
 * @param before only entries with a lower counter; `Infinity` for all
 * @throws FastChatError what the archive answers
 */
export async function standsUnjudged(
  { archive, entries, conversations }: TwinContext,
  chat: Uint8Array,
  before: number,
  { sender, message }: Pick<EnvelopeHeader, "sender" | "message">,
): Promise<boolean> {
  let last = before;
  for (let left = WITHIN; left > 0;) {
    const page = await archive.read({
      type: "before",
      chat,
      ...(last === Infinity ? {} : { before: last }),
      limit: Math.min(left, MAX_ENTRIES),
    });
    for (const entry of page.entries) {
      if (entry.counter >= last) throw outOfOrder();
      last = entry.counter;
      const content = await openOrNull(entries, entry);
      if (content?.type !== "unjudged") continue;
      const { frame } = content;
      if (frame.account !== sender || frame.message !== message) continue;
      if ((await conversations.judge(content)).kind === "genuine") return true;
    }
    left = page.more && page.entries.length > 0 ? left - page.entries.length : 0;
  }
  return false;
}
