/**
 * A message to a group may come as two envelopes: sealed anew, where the group has changed before it was accepted. One that could
 * not be judged when it came stands in the archive as it came, under a name of its own, so that a message may have two entries or
 * more. All devices agree on the one by which history shows it (PROTOCOL.md, "Archive entries").
 */
import type { ReceivedEntry } from "../../crypto/archive-entry.js";
import type { EnvelopeHeader } from "../../crypto/envelope-header.js";
import { equalBytes } from "../../protocol/bytes.js";
import type { AccountId, MessageId } from "../../protocol/ids.js";
import { isAnew, type Payload } from "../../protocol/payload.js";
import type { Archive, PageEntry } from "./archive.js";
import type { Conversations } from "./conversations.js";
import type { Entries } from "./entries.js";
import { openOrNull, outOfOrder } from "./page-entries.js";

export interface TwinContext {
  readonly archive: Pick<Archive, "read">;
  readonly entries: Pick<Entries, "open" | "tagOf">;
  readonly conversations: Pick<Conversations, "judge">;
}

/** A message that is genuine, as one of its entries has it. */
export interface Twin {
  readonly header: EnvelopeHeader;
  readonly payload: Payload;
}

/** Entries of a chat among which a message is looked for: farther back it is not. */
const WITHIN = 2_000;
/** Entries that are read at once. */
const PAGE = 100;

/**
 * Counter of the first entry by which a message stands in its chat as one that could not be judged when it came, and is genuine.
 *
 * @param chat tag, 32 bytes
 * @param before only entries with a lower counter; `Infinity` for all
 * @returns `null` where there is none within reach
 * @throws FastChatError what the archive answers
 */
export async function firstUnjudged(
  { archive, entries, conversations }: TwinContext,
  chat: Uint8Array,
  before: number,
  { sender, message, device, sequence }: EnvelopeHeader,
): Promise<number | null> {
  let first: number | null = null;
  let last = before;
  for (let left = WITHIN; left > 0;) {
    const page = await archive.read({
      type: "before",
      chat,
      ...(last === Infinity ? {} : { before: last }),
      limit: Math.min(left, PAGE),
    });
    for (const entry of page.entries) {
      if (entry.counter >= last) throw outOfOrder();
      last = entry.counter;
      const content = await openOrNull(entries, entry);
      if (content?.type === "unjudged") {
        const { frame } = content;
        if (frame.account !== sender || frame.message !== message) continue;
        if ((await conversations.judge(content)).kind === "genuine") first = last;
      } else if (content?.type === "received" && !isAnew(content.payload)) {
        // What its device had sent before came before it: farther back nothing of it stands.
        const { header } = content;
        if (header.sender === sender && header.device === device && header.sequence < sequence) return first;
      }
    }
    left = page.more && page.entries.length > 0 ? left - page.entries.length : 0;
  }
  return first;
}

/** Whether a message that stands as `received` stands earlier as one that could not be judged then: that one counts. */
export async function isLateReceived(
  context: TwinContext,
  chat: Uint8Array,
  counter: number,
  { header, payload }: Twin,
): Promise<boolean> {
  if (header.epoch === 0 || !isAnew(payload)) return false;
  return (await firstUnjudged(context, chat, counter, header)) !== null;
}

/** Whether a message that could not be judged when it came, and is genuine, stands by another entry that counts. */
export async function isLateUnjudged(
  context: TwinContext,
  chat: Uint8Array,
  counter: number,
  { header }: Twin,
): Promise<boolean> {
  const received = await findReceived(context, header);
  if (received === null) {
    return header.epoch > 0 && (await firstUnjudged(context, chat, counter, header)) !== null;
  }
  // One that does not say that it was sealed before counts wherever it stands: nobody looks for others on its account.
  if (received.counter < counter || header.epoch === 0 || !isAnew(received.payload)) return true;
  return (await firstUnjudged(context, chat, received.counter, header)) !== counter;
}

async function findReceived(
  { archive, entries }: TwinContext,
  { sender, message }: { readonly sender: AccountId; readonly message: MessageId },
): Promise<(ReceivedEntry & { readonly counter: number }) | null> {
  const tag = await entries.tagOf(sender, message);
  const page = await archive.read({ type: "find", entry: tag });
  const entry = page.entries.find((found: PageEntry) => equalBytes(found.entry, tag));
  const content = entry === undefined ? null : await openOrNull(entries, entry);
  return entry === undefined || content?.type !== "received" ? null : { ...content, counter: entry.counter };
}
