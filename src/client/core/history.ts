/** History: pages of the personal archive, opened. */
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { FastChatError } from "../../protocol/errors.js";
import type { ConversationId, MessageId } from "../../protocol/ids.js";
import type { PageEntry } from "./archive.js";
import type { Attachment } from "./files.js";
import { attachmentIn, lineOf, linesOf, withReceipts, type Line, type LineContext } from "./history-lines.js";
import type { HistoryEntry } from "./messages.js";
import { outOfOrder } from "./page-entries.js";
import type { OwnMessage } from "./receipt-book.js";

export interface HistoryContext extends LineContext {
  /** Entries with a counter up to this one are not shown here. */
  readonly historyAfter: () => number;
}

/** A conversation, and how people call whom it is with. */
export interface Place {
  readonly conversation: ConversationId;
  readonly shown: string;
}

/**
 * One page of history, oldest first.
 *
 * @param query `place`: that conversation only; `limit` at most so many entries; `before` this counter only
 * @throws FastChatError what the archive answers
 */
export async function readHistory(
  context: HistoryContext,
  query: { readonly place: Place | null; readonly limit: number; readonly before: number | null },
): Promise<HistoryEntry[]> {
  const { archive, entries } = context;
  const chat = query.place === null ? null : await entries.chat(query.place.conversation);
  const historyAfter = context.historyAfter();
  const lines: Line[] = [];
  let before = query.before;
  for (let more = true; more && lines.length < query.limit;) {
    const count = await context.ledger.count();
    const page = await archive.read({
      type: "before",
      ...(chat === null ? {} : { chat }),
      ...(before === null ? {} : { before }),
      limit: Math.min(MAX_ENTRIES, query.limit - lines.length),
    });
    const last = page.entries.at(-1);
    more = page.more && last !== undefined && last.counter > historyAfter + 1;
    const end = more ? (last?.counter ?? 0) : historyAfter;
    const shown = page.entries.filter(({ counter }) => counter > historyAfter);
    // The last entry of a page that goes on is on it, too.
    const low = more ? end - 1 : end;
    lines.push(...(await linesOf(context, "before", shown, chat, low, before ?? Infinity, count)));
    before = end;
  }
  return withReceipts(context, lines.slice(0, query.limit).reverse());
}

/**
 * The file that came with a message.
 *
 * @param message `null`: the newest that has one
 * @throws FastChatError `noSuchMessage` where no such message with a file stands there; as {@link readHistory}
 */
export async function findAttachment(
  context: HistoryContext,
  { conversation, shown }: Place,
  message: MessageId | null,
): Promise<Attachment> {
  for await (const entry of newestFirst(context, conversation)) {
    const attachment = await attachmentIn(context, message, entry);
    if (attachment !== null) return attachment;
  }
  const which = message === null ? "No message" : `No message ${message}`;
  throw new FastChatError("noSuchMessage", `${which} with a file stands in the history with ${shown}.`);
}

/**
 * A message of this account.
 *
 * @param message `null`: the newest
 * @throws FastChatError `noSuchMessage` where no such message of this account stands there; as {@link readHistory}
 */
export async function findSent(
  context: HistoryContext,
  place: Place,
  message: MessageId | null,
): Promise<{ readonly line: HistoryEntry; readonly own: OwnMessage }> {
  for await (const entry of newestFirst(context, place.conversation)) {
    const line = await lineOf(context, entry);
    if (line?.own === undefined || (message !== null && line.id !== message)) continue;
    const [named] = await withReceipts(context, [line]);
    if (named !== undefined) return { line: named, own: line.own };
  }
  const which = message === null ? "No message" : `No message ${message}`;
  throw new FastChatError("noSuchMessage", `${which} of yours stands in the history with ${place.shown}.`);
}

/** Entries of a chat, to its beginning. */
export async function* newestFirst(
  { archive, entries }: Pick<HistoryContext, "archive" | "entries">,
  conversation: ConversationId,
): AsyncGenerator<PageEntry, void> {
  const chat = await entries.chat(conversation);
  let before = Infinity;
  for (let more = true; more;) {
    const page = await archive.read({
      type: "before",
      chat,
      ...(before === Infinity ? {} : { before }),
      limit: MAX_ENTRIES,
    });
    for (const entry of page.entries) {
      // An archive that went round in circles would keep us reading for ever.
      if (entry.counter >= before) throw outOfOrder();
      before = entry.counter;
      yield entry;
    }
    more = page.more && page.entries.length > 0;
  }
}

/**
 * The history from its beginning, page by page, for whoever takes all of it.
 *
 * @param place that conversation only; `null` for all
 * @returns oldest first, within each page and over all
 * @throws FastChatError as {@link readHistory}
 */
export async function* wholeHistory(
  context: HistoryContext,
  place: Place | null,
): AsyncGenerator<HistoryEntry[], void> {
  const { archive, entries } = context;
  const chat = place === null ? null : await entries.chat(place.conversation);
  let after = context.historyAfter();
  for (let more = true; more;) {
    const count = await context.ledger.count();
    const page = await archive.read({
      type: "after",
      after,
      ...(chat === null ? {} : { chat }),
      limit: MAX_ENTRIES,
    });
    const last = page.entries.at(-1);
    more = page.more && last !== undefined;
    const end = more && last !== undefined ? last.counter : Infinity;
    const lines = await linesOf(
      context,
      "after",
      page.entries,
      chat,
      after,
      end === Infinity ? end : end + 1,
      count,
    );
    yield await withReceipts(context, lines);
    after = end;
  }
}
