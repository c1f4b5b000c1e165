/** History: pages of the personal archive, opened. */
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { FastChatError } from "../../protocol/errors.js";
import type { MessageId, UserName } from "../../protocol/ids.js";
import type { Contacts } from "./contacts.js";
import type { Conversations } from "./conversations.js";
import type { Attachment } from "./files.js";
import {
  attachmentIn,
  linesOf,
  outOfOrder,
  withNames,
  type Line,
  type LineContext,
} from "./history-lines.js";
import type { HistoryEntry } from "./messages.js";

export interface HistoryContext extends LineContext {
  /** Entries with a counter up to this one are not shown here. */
  readonly historyAfter: () => number;
  readonly contacts: Pick<Contacts, "namesOf" | "byName">;
  readonly conversations: Pick<Conversations, "judge" | "with">;
}

/**
 * One page of history, oldest first.
 *
 * @param query `with` a name: that conversation only; `limit` at most so many entries; `before` this counter only
 * @throws FastChatError `noSuchAccount`, `keyChanged` for the name; what the archive answers
 */
export async function readHistory(
  context: HistoryContext,
  query: { readonly with: UserName | null; readonly limit: number; readonly before: number | null },
): Promise<HistoryEntry[]> {
  const { archive, contacts, conversations, entries } = context;
  const contact = query.with === null ? null : await contacts.byName(query.with);
  const chat = contact === null ? null : await entries.chat(await conversations.with(contact));
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
  return withNames(contacts, lines.slice(0, query.limit).reverse());
}

/**
 * The file that came with a message.
 *
 * @param message `null`: the newest that has one
 * @throws FastChatError `noSuchMessage` where no such message with a file stands there; as {@link readHistory}
 */
export async function findAttachment(
  context: HistoryContext,
  peer: UserName,
  message: MessageId | null,
): Promise<Attachment> {
  const { archive, contacts, conversations, entries } = context;
  const chat = await entries.chat(await conversations.with(await contacts.byName(peer)));
  let before = Infinity;
  for (let more = true; more;) {
    const page = await archive.read({
      type: "before",
      chat,
      ...(before === Infinity ? {} : { before }),
      limit: MAX_ENTRIES,
    });
    for (const entry of page.entries) {
      if (entry.counter >= before) throw outOfOrder();
      before = entry.counter;
      const attachment = await attachmentIn(context, message, entry);
      if (attachment !== null) return attachment;
    }
    more = page.more && page.entries.length > 0;
  }
  const which = message === null ? "No message" : `No message ${message}`;
  throw new FastChatError("noSuchMessage", `${which} with a file stands in the history with ${peer}.`);
}

/**
 * The history from its beginning, page by page, for whoever takes all of it.
 *
 * @param peer that conversation only; `null` for all
 * @returns oldest first, within each page and over all
 * @throws FastChatError as {@link readHistory}
 */
export async function* wholeHistory(
  context: HistoryContext,
  peer: UserName | null,
): AsyncGenerator<HistoryEntry[], void> {
  const { archive, contacts, conversations, entries } = context;
  const contact = peer === null ? null : await contacts.byName(peer);
  const chat = contact === null ? null : await entries.chat(await conversations.with(contact));
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
    yield await withNames(contacts, lines);
    after = end;
  }
}
