/** Entries of the personal archive as people see them. */
import type { ArchiveEntry, ImportedEntry, UnjudgedEntry } from "../../crypto/archive-entry.js";
import type { EnvelopeHeader } from "../../crypto/envelope-header.js";
import { equalBytes } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import type { HotHeader } from "../../protocol/hot.js";
import type { AccountId, UserName } from "../../protocol/ids.js";
import type { Payload } from "../../protocol/payload.js";
import type { Archive, PageEntry } from "./archive.js";
import type { Contacts } from "./contacts.js";
import type { Conversations } from "./conversations.js";
import type { Entries } from "./entries.js";
import type { Ledger } from "./ledger.js";
import type { HistoryEntry } from "./messages.js";
import { textOf } from "./payload-text.js";

export interface LineContext {
  readonly me: AccountId;
  readonly archive: Pick<Archive, "read">;
  readonly entries: Entries;
  readonly contacts: Pick<Contacts, "namesOf">;
  readonly ledger: Pick<Ledger, "isGenuine" | "between" | "count">;
  readonly conversations: Pick<Conversations, "judge">;
}

/** An entry that people see, before its accounts have names. */
export interface Line {
  readonly counter: number;
  readonly direction: HistoryEntry["direction"];
  readonly id: HistoryEntry["id"];
  readonly from: AccountId | null;
  readonly to: readonly AccountId[];
  readonly text: string;
  readonly at: number;
  /** What the file said that it was imported from. */
  readonly imported?: { readonly from: string; readonly to: string };
}

/** @returns `null` for what people do not see */
export async function lineOf(context: LineContext, entry: PageEntry): Promise<Line | null> {
  const { counter } = entry;
  if ((await context.ledger.isGenuine(entry)) === false) return unknown(counter, "invalid");
  let content: ArchiveEntry;
  try {
    content = await context.entries.open(entry);
  } catch (error) {
    if (!(error instanceof FastChatError && error.code === "undecryptable")) throw error;
    return unknown(counter, "invalid");
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
    case "imported":
      return imported(context.me, counter, content);
    case "pin":
    case "unknown":
      return null;
  }
}

function imported(me: AccountId, counter: number, entry: ImportedEntry): Line {
  const { direction, message, peer, from, to, text, sentAt } = entry;
  const ends = direction === "sent" ? { from: me, to: [peer] } : { from: peer, to: [me] };
  return { counter, direction, id: message, ...ends, text, at: sentAt, imported: { from, to } };
}

/** What could not be judged when it came may be by now. */
async function judged(context: LineContext, counter: number, entry: UnjudgedEntry): Promise<Line | null> {
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
  const stands = again.entries.some(({ entry }) => equalBytes(entry, tag));
  return stands ? null : genuine(me, counter, header, payload, [me]);
}

/** What the archive ought to have, and does not show. */
function missing(counter: number): Line {
  return unknown(counter, "missing");
}

function unknown(counter: number, direction: "invalid" | "missing"): Line {
  return { counter, direction, id: null, from: null, to: [], text: "", at: 0 };
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

/**
 * The entries of a page, and what this device knows to stand between them.
 *
 * @param direction of the page: `before` has the newest first, `after` the oldest
 * @param chat tag of the page's only chat; `null` for all
 * @param low entries above this counter, and
 * @param high below that one: outside of these the page says nothing
 * @param count entries that this device knew when it asked for the page: what it learns of later may not be on it
 * @throws FastChatError `badFrame` where the page is not in order
 */
export async function linesOf(
  context: LineContext,
  direction: "before" | "after",
  entries: readonly PageEntry[],
  chat: Uint8Array | null,
  low: number,
  high: number,
  count: number,
): Promise<Line[]> {
  const lines: Line[] = [];
  const shown = new Set<number>();
  const backwards = direction === "before";
  let last = backwards ? high : low;
  for (const entry of entries) {
    const { counter } = entry;
    // An archive that went round in circles would keep us reading for ever.
    const onward = backwards ? counter < last : counter > last;
    if (!onward || counter <= low || counter >= high) throw outOfOrder();
    last = counter;
    shown.add(counter);
    const line =
      chat !== null && !equalBytes(entry.chat, chat)
        ? unknown(counter, "invalid")
        : await lineOf(context, entry);
    if (line !== null) lines.push(line);
  }
  const known = await context.ledger.between(low, Math.min(high, count + 1), chat);
  const gone = known.filter((counter) => !shown.has(counter)).map(missing);
  if (gone.length === 0) return lines;
  const all = [...lines, ...gone].sort((one, other) => one.counter - other.counter);
  return backwards ? all.reverse() : all;
}

function outOfOrder(): FastChatError {
  return new FastChatError("badFrame", "The archive's page is not in order.");
}

/** Lines with names in the place of accounts, as far as these are known. */
export async function withNames(
  contacts: Pick<Contacts, "namesOf">,
  lines: readonly Line[],
): Promise<HistoryEntry[]> {
  // What was imported brings its names.
  const nameless = lines.filter(({ imported }) => imported === undefined);
  const names = await contacts.namesOf(nameless.flatMap(({ from, to }) => [...to, ...(from ? [from] : [])]));
  return lines.map((line) => named(line, names));
}

function named({ from, to, imported, ...line }: Line, names: ReadonlyMap<AccountId, UserName>): HistoryEntry {
  const nameOf = (account: AccountId): string => names.get(account) ?? account;
  return {
    ...line,
    from: imported?.from ?? (from === null ? "" : nameOf(from)),
    to: imported?.to ?? to.map(nameOf).join(", "),
    fromAccount: from,
    toAccounts: to,
    imported: imported !== undefined,
  };
}
