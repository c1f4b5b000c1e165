/** Messages that came to nothing: neither answered, nor with anybody. */
import type { ArchiveRecord, HistoryEvent } from "../history/events.js";

/** Messages that are named. */
const FEW = 5;

/**
 * What there is to say of messages of which their sender never heard, and that are in no archive. One whose client was away at the
 * time may have come all the same.
 *
 * @returns `null` where there are none
 */
export function unansweredProblem(
  events: readonly HistoryEvent[],
  archives: readonly ArchiveRecord[],
): string | null {
  const nothing = cameToNothing(events, archives);
  if (nothing.length === 0) return null;
  return `${nothing.length} messages were neither accepted nor refused, and nobody has them: ${nothing.slice(0, FEW).join(", ")}${nothing.length > FEW ? ", …" : ""}`;
}

function cameToNothing(events: readonly HistoryEvent[], archives: readonly ArchiveRecord[]): string[] {
  const known = new Set<string>();
  for (const event of events) {
    if (event.type === "accepted" || event.type === "refused" || event.type === "received")
      known.add(event.message);
  }
  for (const { account, entries } of archives) {
    for (const { message, sender } of entries) if (sender !== account) known.add(message);
  }
  return events.flatMap((event) =>
    event.type === "sent" && !known.has(event.message) ? [event.message] : [],
  );
}
