/** Deleting from the history of one conversation: which entries are meant, and what goes with them. */
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId, MessageId } from "../../protocol/ids.js";
import type { Deletions, Range } from "./deletions.js";
import { newestFirst, wholeHistory, type HistoryContext, type Place } from "./history.js";
import type { HistoryEntry } from "./messages.js";
import { openOrNull } from "./page-entries.js";
import type { Search } from "./search.js";

export interface DeletingContext extends HistoryContext {
  readonly deletions: Deletions;
  readonly search: Pick<Search, "forget">;
}

/** Which messages of a conversation. */
export type Selection =
  | { readonly type: "all" }
  /** Written before that time, in milliseconds since 1970. */
  | { readonly type: "before"; readonly time: number }
  | { readonly type: "messages"; readonly ids: readonly MessageId[] };

/**
 * What a selection means just now.
 *
 * @returns ranges that hold all that was selected, and of what the conversation shows nothing besides; how many entries those are; and
 *   what others have sent of it
 * @throws FastChatError `badRequest` where a message that is named does not stand there; as {@link wholeHistory}
 */
export async function selected(
  context: HistoryContext,
  place: Place,
  selection: Selection,
): Promise<{ readonly ranges: readonly Range[]; readonly count: number; readonly received: MessageKeys }> {
  const wanted = selection.type === "messages" ? new Set(selection.ids) : null;
  const ranges: Range[] = [];
  const received = new Set<string>();
  let count = 0;
  /** The range that the entry before belongs to; `null` if it was not meant. */
  let open: { readonly from: number; to: number } | null = null;
  for await (const page of wholeHistory(context, place)) {
    for (const entry of page) {
      if (!isMeant(entry, selection)) {
        open = null;
        continue;
      }
      const { counter, id, fromAccount } = entry;
      if (open === null) ranges.push((open = { from: counter, to: counter }));
      else open.to = counter;
      count += 1;
      if (id === null) continue;
      wanted?.delete(id);
      if (fromAccount !== null && entry.direction === "received") received.add(keyOf(fromAccount, id));
    }
  }
  const [missing] = wanted ?? [];
  if (missing !== undefined) {
    throw new FastChatError("badRequest", `No message ${missing} stands in the history with ${place.shown}.`);
  }
  return { ranges, count, received };
}

/** Names of messages, each by its sender and id. */
type MessageKeys = ReadonlySet<string>;

function keyOf(sender: AccountId, message: MessageId): string {
  return sender + message;
}

/** Other entries of messages: history does not show them, and would once those are gone that it shows. */
async function hiddenTwins(
  context: HistoryContext,
  place: Place,
  shown: readonly Range[],
  messages: MessageKeys,
): Promise<Range[]> {
  const twins: Range[] = [];
  if (messages.size === 0) return twins;
  for await (const entry of newestFirst(context, place.conversation)) {
    const { counter } = entry;
    if (shown.some(({ from, to }) => from <= counter && counter <= to)) continue;
    const content = await openOrNull(context.entries, entry);
    // A forgery that borrows the ids of a message that goes is no loss either.
    const isTwin =
      (content?.type === "received" && messages.has(keyOf(content.header.sender, content.header.message))) ||
      (content?.type === "unjudged" && messages.has(keyOf(content.frame.account, content.frame.message)));
    if (isTwin) twins.push({ from: counter, to: counter });
  }
  return twins;
}

/**
 * Deletes what was selected, for all devices of this account and nobody else.
 *
 * @returns how many entries were deleted
 * @throws FastChatError as {@link selected}
 */
export async function deleteSelected(
  context: DeletingContext,
  place: Place,
  selection: Selection,
): Promise<number> {
  const { deletions, entries, ledger, search } = context;
  const { ranges, received } = await selected(context, place, selection);
  const chat = await entries.chat(place.conversation);
  // Before what they would be shown in place of.
  for (const twin of await hiddenTwins(context, place, ranges, received)) await deletions.add(chat, twin);
  let count = 0;
  for (const range of ranges) {
    count += await deletions.add(chat, range);
    for (let high = range.to + 1; high > range.from; high -= MAX_ENTRIES) {
      const low = Math.max(range.from, high - MAX_ENTRIES);
      await search.forget(await ledger.between(low - 1, high, chat));
    }
  }
  return count;
}

function isMeant({ id, at, direction }: HistoryEntry, selection: Selection): boolean {
  // What the archive withholds is not to be taken for deleted.
  if (direction === "missing") return false;
  switch (selection.type) {
    case "all":
      return true;
    case "before":
      return at > 0 && at < selection.time;
    case "messages":
      return id !== null && selection.ids.includes(id);
  }
}
