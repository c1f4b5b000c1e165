/** History: pages of the personal archive, opened. */
import type { ArchiveEntry, UnjudgedEntry } from "../../crypto/archive-entry.js";
import type { EnvelopeHeader } from "../../crypto/envelope-header.js";
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { FastChatError } from "../../protocol/errors.js";
import type { HotHeader } from "../../protocol/hot.js";
import type { AccountId, UserName } from "../../protocol/ids.js";
import type { Payload } from "../../protocol/payload.js";
import type { Archive, PageEntry } from "./archive.js";
import type { Contacts } from "./contacts.js";
import type { Conversations } from "./conversations.js";
import type { Entries } from "./entries.js";
import type { HistoryEntry } from "./messages.js";
import { textOf } from "./payload-text.js";

export interface HistoryContext {
  readonly me: AccountId;
  readonly archive: Pick<Archive, "read">;
  readonly entries: Entries;
  readonly contacts: Pick<Contacts, "namesOf" | "byName">;
  readonly conversations: Pick<Conversations, "judge" | "with">;
}

/** An entry that people see, before its accounts have names. */
interface Line {
  readonly counter: number;
  readonly direction: HistoryEntry["direction"];
  readonly id: HistoryEntry["id"];
  readonly from: AccountId | null;
  readonly to: readonly AccountId[];
  readonly text: string;
  readonly at: number;
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
  const lines: Line[] = [];
  let before = query.before;
  for (let more = true; more && lines.length < query.limit;) {
    const page = await archive.read({
      type: "before",
      ...(chat === null ? {} : { chat }),
      ...(before === null ? {} : { before }),
      limit: Math.min(MAX_ENTRIES, query.limit - lines.length),
    });
    for (const entry of page.entries) {
      // An archive that went round in circles would keep us reading for ever.
      if (before !== null && entry.counter >= before) throw outOfOrder();
      before = entry.counter;
      const line = await lineOf(context, entry);
      if (line !== null) lines.push(line);
    }
    more = page.more && page.entries.length > 0;
  }
  const names = await contacts.namesOf(lines.flatMap(({ from, to }) => [...to, ...(from ? [from] : [])]));
  return lines.reverse().map((line) => named(line, names));
}

/** @returns `null` for what people do not see */
async function lineOf(context: HistoryContext, entry: PageEntry): Promise<Line | null> {
  const { counter } = entry;
  let content: ArchiveEntry;
  try {
    content = await context.entries.open(entry);
  } catch (error) {
    if (!(error instanceof FastChatError && error.code === "undecryptable")) throw error;
    return { counter, direction: "invalid", id: null, from: null, to: [], text: "", at: 0 };
  }
  switch (content.type) {
    case "sent":
      return genuine(context.me, counter, content.header, content.payload, content.recipients);
    case "received":
      return genuine(context.me, counter, content.header, content.payload, [context.me]);
    case "invalid":
      return doubtful(context.me, counter, "invalid", content.frame, content.receivedAt);
    case "unjudged":
      return judged(context, counter, content);
    case "pin":
    case "unknown":
      return null;
  }
}

/** What could not be judged when it came may be by now. */
async function judged(context: HistoryContext, counter: number, entry: UnjudgedEntry): Promise<Line | null> {
  const { me, conversations, entries, archive } = context;
  const judgement = await conversations.judge(entry);
  if (judgement.kind !== "genuine") {
    const direction = judgement.kind === "invalid" ? "invalid" : "waiting";
    return doubtful(me, counter, direction, entry.frame, entry.receivedAt);
  }
  // It may have come once more, after a crash, and have been judged then: history shows a message once.
  const { header, payload } = judgement;
  const tag = await entries.tagOf(header.sender, header.message);
  const again = await archive.read({ type: "find", entry: tag });
  return again.entries.length > 0 ? null : genuine(me, counter, header, payload, [me]);
}

function genuine(
  me: AccountId,
  counter: number,
  { message, sender, sentAt }: EnvelopeHeader,
  payload: Payload,
  to: readonly AccountId[],
): Line {
  const direction = sender === me ? "sent" : "received";
  return { counter, direction, id: message, from: sender, to, text: textOf(payload), at: sentAt };
}

function doubtful(
  me: AccountId,
  counter: number,
  direction: "invalid" | "waiting",
  { message, account }: HotHeader,
  at: number,
): Line {
  return { counter, direction, id: message, from: account, to: [me], text: "", at };
}

function named({ from, to, ...line }: Line, names: ReadonlyMap<AccountId, UserName>): HistoryEntry {
  const nameOf = (account: AccountId): string => names.get(account) ?? account;
  return { ...line, from: from === null ? "" : nameOf(from), to: to.map(nameOf).join(", ") };
}

function outOfOrder(): FastChatError {
  return new FastChatError("badFrame", "The archive's page is not in order.");
}
