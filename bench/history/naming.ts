/**
 * What histories of people who write to each other and to groups have in common, whatever they ran on: how they name conversations,
 * and which entries of an archive they are held to.
 */
import type { HistoryEntry } from "../../src/client/core/messages.js";
import type { SentEvent } from "./events.js";

/** @param to a user name, or a group's name, which begins with `#` */
export function conversationOf(from: string, to: string): string {
  return isGroup(to) ? to : [from, to].sort().join("+");
}

/** Whom a message is for, as its `sent` event has it. */
export function recipientsOf(to: string): SentEvent["recipients"] {
  return isGroup(to) ? null : [to];
}

/** Whether it is a message of people's own: what a group is called their clients tell. */
export function isPeoples(text: string): boolean {
  return !text.startsWith("(the group is called");
}

/** Whether an entry is one that the history says something of: a change of a group is none. */
export function isMessage({ direction, text }: Pick<HistoryEntry, "direction" | "text">): boolean {
  return direction !== "changed" && isPeoples(text);
}

function isGroup(to: string): boolean {
  return to.startsWith("#");
}
