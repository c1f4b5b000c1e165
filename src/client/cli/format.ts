/** How messages look: a line for a person, an object for a program. */
import type { ChalkInstance } from "chalk";
import type { HistoryEntry, ReceivedMessage, SentElsewhere, SentMessage } from "../core/messages.js";
import { shownGroup } from "../core/peers.js";
import { printableJson, printableLine, printableText } from "./printable.js";

const INDENT = "    ";

/** Date and time of this machine's zone, to the second; times come from senders and may be anything. */
export function localTime(at: number): string {
  const date = new Date(at);
  if (at <= 0 || Number.isNaN(date.getTime())) return "unknown time";
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

/** ISO 8601 in UTC, to the millisecond; `null` for what is no time. */
export function isoTime(at: number): string | null {
  const date = new Date(at);
  return at <= 0 || Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** `[2026-01-31 17:05:09] bob: text` */
export function messageLine(at: number, from: string, text: string, paint: ChalkInstance): string {
  return `${paint.dim(`[${localTime(at)}]`)} ${paint.cyan(printableLine(from))}: ${printableText(text, INDENT)}`;
}

/** As {@link messageLine}, with the group that it was sent to. */
export function receivedLine({ at, from, text, group }: ReceivedMessage, paint: ChalkInstance): string {
  const ends = group === null ? from : `${from} → ${shownGroup(group.id, group.title)}`;
  return messageLine(at, ends, text, paint);
}

export function receivedJson({ id, from, text, at, conversation, group, file }: ReceivedMessage): string {
  return printableJson({
    id,
    from,
    text,
    at: isoTime(at),
    conversation,
    ...(group === null ? {} : { group }),
    ...(file === null ? {} : { file }),
  });
}

export function sentJson({ id, to, at, outcome, recipients, delivered, missed }: SentMessage): string {
  return printableJson({ id, to, at: isoTime(at), outcome, recipients, delivered, missed });
}

/** `[2026-01-31 17:05:09] #Climbing: alice added bob`, or a `*` where one sees which group it is. */
export function changeLine(at: number, group: string | null, text: string, paint: ChalkInstance): string {
  const where = group === null ? "*" : `${paint.cyan(printableLine(group))}:`;
  return `${paint.dim(`[${localTime(at)}]`)} ${where} ${paint.dim(printableLine(text))}`;
}

/** As {@link messageLine}, with the other end of it where `showTo` says so. */
export function historyLine(entry: HistoryEntry, showTo: boolean, paint: ChalkInstance): string {
  const from = entry.from || "unknown";
  // A change is told in a sentence that says who made it.
  if (entry.direction === "changed") {
    return changeLine(entry.at, showTo ? entry.to : null, entry.text, paint);
  }
  const both = showTo && entry.to ? `${from} → ${entry.to}` : from;
  const ends = entry.imported ? `${both} (imported)` : both;
  const told = receiptsText(entry);
  return messageLine(entry.at, ends, contentOf(entry), paint) + (told === "" ? "" : paint.dim(` (${told})`));
}

/** `delivered to 7 of 9, read by 5`; between two people `delivered` or `read`; nothing where nothing was told or is known. */
function receiptsText({ receipts, group }: Pick<HistoryEntry, "receipts" | "group">): string {
  if (receipts === null) return "";
  const { recipients, delivered, read } = receipts;
  if (group === null) return read > 0 ? "read" : delivered > 0 ? "delivered" : "";
  if (recipients === 0) return "";
  return `delivered to ${delivered} of ${recipients}${read > 0 ? `, read by ${read}` : ""}`;
}

export function historyJson(entry: HistoryEntry): string {
  return printableJson(historyRecord(entry));
}

/** As {@link historyJson}, with what it takes to import it elsewhere. */
export function exportedJson(entry: HistoryEntry): string {
  const { fromAccount, toAccounts } = entry;
  return printableJson({ ...historyRecord(entry), fromAccount, toAccounts });
}

/** An entry as programs read it. */
export function historyRecord({
  id,
  from,
  to,
  text,
  at,
  direction,
  counter,
  imported,
  group,
  file,
  receipts,
}: HistoryEntry): Record<string, unknown> {
  return {
    id,
    from,
    to,
    text,
    at: isoTime(at),
    direction,
    counter,
    ...(imported ? { imported } : {}),
    ...(group === null ? {} : { group }),
    ...(file === null ? {} : { file }),
    ...receipts,
  };
}

/** `[2026-01-31 17:05:09] you → bob: text`, what another device of this account has sent. */
export function sentElsewhereLine({ at, to, text }: SentElsewhere, paint: ChalkInstance): string {
  return messageLine(at, `you → ${to}`, text, paint);
}

/** What a person reads of an entry. */
export function contentOf({ direction, text }: HistoryEntry): string {
  switch (direction) {
    case "sent":
    case "received":
    case "changed":
      return text;
    case "invalid":
      return "(not genuine; its content is not shown)";
    case "missing":
      return "(missing: a message stood here, and the archive does not show it)";
    case "waiting":
      return "(cannot be checked yet; it is shown once the sender's key is known)";
  }
}
