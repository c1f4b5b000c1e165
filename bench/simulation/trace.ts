/** A history for people to read: one line for each thing that was done or answered. */
import type { HistoryEvent } from "../history/events.js";

export function traceOf(history: readonly HistoryEvent[]): string[] {
  const ordered = [...history].sort((one, other) => one.at - other.at);
  const begin = ordered[0]?.at ?? 0;
  return ordered.map((event) => `${String(Math.round(event.at - begin)).padStart(7)} ms  ${lineOf(event)}`);
}

function lineOf(event: HistoryEvent): string {
  switch (event.type) {
    case "sent":
      return `${event.device} sends "${event.message}"`;
    case "accepted":
      return `"${event.message}" is accepted`;
    case "refused":
      return `"${event.message}" is refused (${event.code})`;
    case "received":
      return `${event.device} is shown "${event.message}"`;
    case "mirrored":
      return `${event.device} is told that another device sent "${event.message}"`;
    case "membership":
      return `${event.account} ${event.member ? "comes into" : "goes out of"} ${event.conversation}`;
    case "fault": {
      const ms = event.until === null ? 0 : event.until - event.at;
      return `fault: ${event.kind} of ${event.target}${ms > 0 ? ` for ${ms} ms` : ""}`;
    }
  }
}
