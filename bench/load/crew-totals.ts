/** What all threads of a crew have recorded, taken together: histograms are merged, and no percentile is averaged. */
import type { ArchiveRecord, HistoryEvent } from "../history/events.js";
import type { CrewResult } from "./crew-messages.js";
import { Latencies, type LatencyFigures, type Quantile } from "./latencies.js";

export interface CrewTotals {
  /** In order, in milliseconds from the beginning of the warm-up. */
  readonly events: readonly HistoryEvent[];
  readonly archives: readonly ArchiveRecord[];
  readonly endToEnd: LatencyFigures;
  readonly endToEndCurve: readonly Quantile[];
  readonly accepted: LatencyFigures;
  readonly acceptedCurve: readonly Quantile[];
  readonly lateness: LatencyFigures;
  /** Of people who logged in; nothing counted unless they did. */
  readonly logins: LatencyFigures;
  /** Sessions by server when all were connected, before anybody wrote. */
  readonly placed: Readonly<Record<string, number>>;
  readonly crypto: { readonly ms: number; readonly calls: number };
}

/** @param start of the warm-up, as `elapsed()` tells time */
export function totalsOf(results: readonly CrewResult[], start: number): CrewTotals {
  const events = results.flatMap((result) => result.events).sort((one, other) => one.at - other.at);
  const merged = (which: "endToEnd" | "accepted" | "lateness" | "logins"): Latencies => {
    const all = new Latencies();
    for (const result of results) all.add(new Latencies(result[which]));
    return all;
  };
  const [endToEnd, accepted, lateness] = [merged("endToEnd"), merged("accepted"), merged("lateness")];
  return {
    events: events.map((event) => ({ ...event, at: event.at - start })),
    archives: results.flatMap((result) => result.archives),
    endToEnd: endToEnd.figures(),
    endToEndCurve: endToEnd.quantiles(),
    accepted: accepted.figures(),
    acceptedCurve: accepted.quantiles(),
    lateness: lateness.figures(),
    logins: merged("logins").figures(),
    placed: placedIn(results),
    crypto: results.reduce(
      (sum, { crypto }) => ({ ms: sum.ms + crypto.ms, calls: sum.calls + crypto.calls }),
      {
        ms: 0,
        calls: 0,
      },
    ),
  };
}

function placedIn(results: readonly CrewResult[]): Record<string, number> {
  const placed: Record<string, number> = {};
  for (const result of results) {
    for (const [server, count] of Object.entries(result.placed)) {
      placed[server] = (placed[server] ?? 0) + count;
    }
  }
  return Object.fromEntries(
    Object.entries(placed).sort(([one], [other]) => one.localeCompare(other, "en", { numeric: true })),
  );
}
