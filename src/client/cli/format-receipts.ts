/** How receipts look: lines for a person, an object for a program. */
import type { ChalkInstance } from "chalk";
import type { MessageReceipts, ReceiptState } from "../core/messages.js";
import { historyLine, historyRecord } from "./format.js";
import { printableJson, printableLine } from "./printable.js";

const WORDS: Readonly<Record<ReceiptState, string>> = {
  sent: "not yet",
  delivered: "delivered",
  read: "read",
};

export function receiptsLines({ message, members }: MessageReceipts, paint: ChalkInstance): string[] {
  const names = members.map(({ name }) => printableLine(name));
  const widest = Math.max(0, ...names.map((name) => name.length));
  return [
    historyLine(message, false, paint),
    ...members.map(({ state }, index) => {
      const word = state === "sent" ? paint.dim(WORDS[state]) : WORDS[state];
      return `  ${(names[index] ?? "").padEnd(widest)}  ${word}`;
    }),
  ];
}

export function receiptsJson({ message, members }: MessageReceipts): string {
  return printableJson({ ...historyRecord(message), members });
}
