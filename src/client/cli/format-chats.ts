/** How lists of chats look: a line each for a person, an object for a program. */
import type { ChalkInstance } from "chalk";
import { MOST_UNREAD } from "../core/chats.js";
import type { ChatSummary } from "../core/messages.js";
import { contentOf, historyRecord, isoTime, localTime } from "./format.js";
import { printableJson, printableLine } from "./printable.js";

/** Characters of a message that a list shows. */
const PREVIEW = 60;

/** @param me the own name: what oneself wrote is shown as by "you" */
export function chatLines(chats: readonly ChatSummary[], me: string, paint: ChalkInstance): string[] {
  const names = chats.map(({ with: other }) => printableLine(other || "unknown"));
  const widest = Math.max(0, ...names.map((name) => name.length));
  return chats.map((chat, index) => {
    const name = paint.cyan((names[index] ?? "").padEnd(widest));
    const unread = unreadOf(chat).padStart(4);
    return `${name} ${chat.unread > 0 ? paint.green(unread) : unread}  ${marksOf(chat)}${newestOf(chat, me, paint)}`;
  });
}

export function chatJson({ with: other, unread, pinned, mutedUntil, draft, newest }: ChatSummary): string {
  return printableJson({
    with: other,
    unread,
    pinned,
    mutedUntil: isoTime(mutedUntil),
    draft,
    newest: newest === null ? null : historyRecord(newest),
  });
}

function unreadOf({ unread }: ChatSummary): string {
  if (unread === 0) return "";
  return unread >= MOST_UNREAD ? `${MOST_UNREAD - 1}+` : `${unread}`;
}

function marksOf({ pinned, mutedUntil, draft }: ChatSummary): string {
  const marks = [
    pinned ? "pinned" : "",
    mutedUntil > Date.now() ? "muted" : "",
    draft === "" ? "" : "draft",
  ].filter((mark) => mark !== "");
  return marks.length === 0 ? "" : `(${marks.join(", ")}) `;
}

function newestOf({ newest }: ChatSummary, me: string, paint: ChalkInstance): string {
  if (newest === null) return "";
  const text = printableLine(contentOf(newest).split("\n", 1)[0] ?? "");
  const shown = [...text];
  const preview = shown.length > PREVIEW ? `${shown.slice(0, PREVIEW - 1).join("")}…` : text;
  const from = newest.from === me ? "you" : printableLine(newest.from || "unknown");
  return `${paint.dim(`[${localTime(newest.at)}]`)} ${from}: ${preview}`;
}
