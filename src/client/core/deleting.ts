/** Deleting from the history of one conversation: which entries are meant, and what goes with them. */
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { FastChatError } from "../../protocol/errors.js";
import type { MessageId } from "../../protocol/ids.js";
import type { Deletions, Range } from "./deletions.js";
import { wholeHistory, type HistoryContext, type Place } from "./history.js";
import type { HistoryEntry } from "./messages.js";
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
 * @returns ranges that hold all that was selected, and of the conversation nothing besides; how many entries those are
 * @throws FastChatError `badRequest` where a message that is named does not stand there; as {@link wholeHistory}
 */
export async function selected(
  context: HistoryContext,
  place: Place,
  selection: Selection,
): Promise<{ readonly ranges: readonly Range[]; readonly count: number }> {
  const wanted = selection.type === "messages" ? new Set(selection.ids) : null;
  const ranges: Range[] = [];
  let count = 0;
  /** The range that the entry before belongs to; `null` if it was not meant. */
  let open: { readonly from: number; to: number } | null = null;
  for await (const page of wholeHistory(context, place)) {
    for (const entry of page) {
      if (!isMeant(entry, selection)) {
        open = null;
        continue;
      }
      const { counter, id } = entry;
      if (open === null) ranges.push((open = { from: counter, to: counter }));
      else open.to = counter;
      count += 1;
      if (id !== null) wanted?.delete(id);
    }
  }
  const [missing] = wanted ?? [];
  if (missing !== undefined) {
    throw new FastChatError("badRequest", `No message ${missing} stands in the history with ${place.shown}.`);
  }
  return { ranges, count };
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
  const { ranges } = await selected(context, place, selection);
  const chat = await entries.chat(place.conversation);
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
