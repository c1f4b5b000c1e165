/** Entries of the personal archive as people see them. */
import type { GroupEventEntry, ImportedEntry, UnjudgedEntry } from "../../crypto/archive-entry.js";
import type { EnvelopeHeader } from "../../crypto/envelope-header.js";
import { openGroupEvent, type SignedGroupEvent } from "../../crypto/group-event.js";
import { equalBytes } from "../../protocol/bytes.js";
import type { HotHeader } from "../../protocol/hot.js";
import type { AccountId, ConversationId, MessageId, UserName } from "../../protocol/ids.js";
import type { Payload } from "../../protocol/payload.js";
import type { Archive, PageEntry } from "./archive.js";
import type { Contacts } from "./contacts.js";
import type { Deletions } from "./deletions.js";
import type { Conversations } from "./conversations.js";
import type { Entries } from "./entries.js";
import type { Attachment } from "./files.js";
import { accountsShown, changeText } from "./group-text.js";
import type { Groups } from "./groups.js";
import type { Ledger } from "./ledger.js";
import type { HistoryEntry, ReceiptState, ReceiptSummary, SentFile } from "./messages.js";
import { fileOf, isSeen, textOf } from "./payload-text.js";
import { openOrNull, outOfOrder } from "./page-entries.js";
import { shownGroup } from "./peers.js";
import type { OwnMessage, ReceiptBook } from "./receipt-book.js";
import { isLateReceived, isLateUnjudged } from "./twins.js";

export interface LineContext {
  readonly me: AccountId;
  readonly archive: Pick<Archive, "read">;
  readonly entries: Entries;
  readonly contacts: Pick<Contacts, "namesOf">;
  readonly groups: Pick<Groups, "titlesOf">;
  readonly receipts: Pick<ReceiptBook, "of">;
  readonly ledger: Pick<Ledger, "isGenuine" | "between" | "chatOf" | "count">;
  readonly deletions: Pick<Deletions, "covers" | "finish" | "readOn">;
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
  readonly file?: SentFile | null;
  /** The group that it was sent to, or that has changed. */
  readonly group?: ConversationId;
  /** Whose state others tell of. */
  readonly own?: OwnMessage;
  /** What has changed about the group: its text is made when there are names. */
  readonly event?: SignedGroupEvent;
  /** What the file said that it was imported from. */
  readonly imported?: { readonly from: string; readonly to: string };
}

/** @returns `null` for what people do not see */
export async function lineOf(context: LineContext, entry: PageEntry): Promise<Line | null> {
  const { counter, chat } = entry;
  if ((await context.ledger.isGenuine(entry)) === false) return unknown(counter, "invalid");
  if (await context.deletions.covers(counter, chat)) {
    // Whoever deleted it did not get to the end; that it cannot be done now either is no reason not to read on.
    context.deletions.finish(counter, chat).catch(() => undefined);
    return null;
  }
  const content = await openOrNull(context.entries, entry);
  if (content === null) return unknown(counter, "invalid");
  switch (content.type) {
    case "sent":
      return genuine(context.me, counter, content.header, content.payload, content.recipients);
    case "received":
      if (await isLateReceived(context, chat, counter, content)) return null;
      return genuine(context.me, counter, content.header, content.payload, [context.me]);
    case "invalid":
      return doubtful(context.me, counter, "invalid", content.frame, content.receivedAt);
    case "unjudged":
      return judged(context, entry, content);
    case "imported":
      return imported(context.me, counter, content);
    case "groupEvent":
      // In the log of all groups it is for this account's devices.
      return equalBytes(chat, await context.entries.groups()) ? null : changed(counter, content);
    case "pin":
    case "deletion":
    case "groupTitle":
    case "receipts":
    case "unknown":
      return null;
  }
}

async function changed(counter: number, { group, event: bytes }: GroupEventEntry): Promise<Line> {
  const event = await openGroupEvent(bytes);
  const { actor, at } = event;
  return { counter, direction: "changed", id: null, from: actor, to: [], text: "", at, group, event };
}

function imported(me: AccountId, counter: number, entry: ImportedEntry): Line {
  const { direction, message, peer, from, to, text, sentAt, group } = entry;
  const isSent = direction === "sent";
  const ends =
    group === undefined
      ? { from: isSent ? me : peer, to: [isSent ? peer : me] }
      : { from: isSent ? me : peer, to: [], group };
  return { counter, direction, id: message, ...ends, text, at: sentAt, imported: { from, to } };
}

/**
 * The file that came with a genuine message.
 *
 * @param message that one only; `null` for any
 * @returns `null` for an entry that is not that message, or has no file
 */
export async function attachmentIn(
  context: LineContext,
  message: MessageId | null,
  entry: PageEntry,
): Promise<Attachment | null> {
  const line = await lineOf(context, entry);
  if (!line?.file || (message !== null && line.id !== message)) return null;
  const content = await context.entries.open(entry);
  if (content.type === "sent" || content.type === "received") return attachmentOf(content.payload);
  if (content.type !== "unjudged") return null;
  const judgement = await context.conversations.judge(content);
  return judgement.kind === "genuine" ? attachmentOf(judgement.payload) : null;
}

function attachmentOf(payload: Payload): Attachment | null {
  return payload.type === "attachment" ? payload : null;
}

/** What could not be judged when it came may be by now. */
async function judged(
  context: LineContext,
  { counter, chat }: PageEntry,
  entry: UnjudgedEntry,
): Promise<Line | null> {
  const { me, conversations } = context;
  const judgement = await conversations.judge(entry);
  if (judgement.kind !== "genuine") {
    const direction = judgement.kind === "invalid" ? "invalid" : "waiting";
    return doubtful(me, counter, direction, entry.frame, entry.receivedAt);
  }
  // It may have come once more, after a crash, or sealed anew: history shows a message once.
  if (await isLateUnjudged(context, chat, counter, judgement)) return null;
  const { header, payload } = judgement;
  return genuine(me, counter, header, payload, [me]);
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
  { message, sender, sentAt, epoch, conversation, device, sequence }: EnvelopeHeader,
  payload: Payload,
  to: readonly AccountId[],
): Line | null {
  if (!isSeen(payload)) return null;
  const direction = sender === me ? "sent" : "received";
  return {
    counter,
    direction,
    id: message,
    from: sender,
    to: epoch === 0 ? to : [],
    text: textOf(payload),
    file: fileOf(payload),
    at: sentAt,
    ...(direction === "sent" ? { own: { conversation, device, sequence, epoch, to } } : {}),
    ...groupOf(epoch, conversation),
  };
}

function doubtful(
  me: AccountId,
  counter: number,
  direction: "invalid" | "waiting",
  { message, account, epoch, conversation }: HotHeader,
  at: number,
): Line {
  const group = groupOf(epoch, conversation);
  return {
    counter,
    direction,
    id: message,
    from: account,
    to: epoch === 0 ? [me] : [],
    text: "",
    at,
    ...group,
  };
}

function groupOf(epoch: number, conversation: ConversationId): Pick<Line, "group"> {
  return epoch === 0 ? {} : { group: conversation };
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
  const absent = known.filter((counter) => !shown.has(counter));
  if (absent.length === 0) return lines;
  const gone = await notDeleted(context, absent, chat);
  const all = [...lines, ...gone.map(missing)].sort((one, other) => one.counter - other.counter);
  return backwards ? all.reverse() : all;
}

/** Those entries that are not there and that nobody deleted, as far as can be known. */
async function notDeleted(
  { deletions, ledger }: LineContext,
  counters: readonly number[],
  chat: Uint8Array | null,
): Promise<number[]> {
  // Another device may have deleted them just now.
  await deletions.readOn();
  const gone: number[] = [];
  for (const counter of counters) {
    const stoodIn = chat ?? (await ledger.chatOf(counter));
    if (stoodIn === null || !(await deletions.covers(counter, stoodIn))) gone.push(counter);
  }
  return gone;
}

/** As {@link withNames}, with what others have told of own messages. */
export async function withReceipts(
  context: Pick<LineContext, "contacts" | "groups" | "receipts">,
  lines: readonly Line[],
): Promise<HistoryEntry[]> {
  const own = lines.flatMap((line) => line.own ?? []);
  const states = await context.receipts.of(own);
  const summaries = new Map(own.map((message, at) => [message, summedUp(states[at] ?? new Map())]));
  return withNames(context, lines, summaries);
}

/**
 * Lines with names in the place of accounts, as far as these are known.
 *
 * @param receipts of own messages; none where nobody asks, as in a list of chats, which a new device shows before all else
 */
export async function withNames(
  { contacts, groups }: Pick<LineContext, "contacts" | "groups">,
  lines: readonly Line[],
  receipts: ReadonlyMap<OwnMessage, ReceiptSummary> = new Map(),
): Promise<HistoryEntry[]> {
  // What was imported brings its names.
  const nameless = lines.filter(({ imported }) => imported === undefined);
  const names = await contacts.namesOf(
    nameless.flatMap(({ from, to, event }) => [
      ...to,
      ...(from ? [from] : []),
      ...(event === undefined ? [] : accountsShown(event)),
    ]),
  );
  const titles = await groups.titlesOf(lines.flatMap(({ group }) => group ?? []));
  return lines.map((line) => named(line, names, titles, receipts));
}

function named(
  { from, to, imported, group: id, event, own, ...line }: Line,
  names: ReadonlyMap<AccountId, UserName>,
  titles: ReadonlyMap<ConversationId, string>,
  receipts: ReadonlyMap<OwnMessage, ReceiptSummary>,
): HistoryEntry {
  const nameOf = (account: AccountId): string => names.get(account) ?? account;
  const group = id === undefined ? null : { id, title: titles.get(id) ?? "" };
  const toWhom = group === null ? to.map(nameOf).join(", ") : shownGroup(group.id, group.title);
  return {
    ...line,
    text: event === undefined ? line.text : changeText(event, nameOf),
    group,
    from: imported?.from ?? (from === null ? "" : nameOf(from)),
    to: imported?.to ?? toWhom,
    fromAccount: from,
    toAccounts: to,
    imported: imported !== undefined,
    file: line.file ?? null,
    receipts: (own && receipts.get(own)) ?? null,
  };
}

function summedUp(states: ReadonlyMap<AccountId, ReceiptState>): ReceiptSummary {
  const all = [...states.values()];
  const delivered = all.filter((state) => state !== "sent").length;
  return { recipients: all.length, delivered, read: all.filter((state) => state === "read").length };
}
