/** Reading more history than the client's core gives at a time. */
import type { HistoryEntry, HistoryQuery } from "../core/messages.js";

interface Source {
  history(query?: HistoryQuery): Promise<HistoryEntry[]>;
}

/** The most that the core reads at a time. */
const PAGE = 500;

/**
 * The newest `limit` entries, oldest first, read backwards page by page.
 *
 * @param name of the other person; everybody's if `undefined`
 * @param start only entries with a lower counter
 */
export async function newest(
  source: Source,
  name: string | undefined,
  limit: number,
  start?: number,
): Promise<HistoryEntry[]> {
  const pages: HistoryEntry[][] = [];
  let before = start;
  for (let wanted = limit; wanted > 0;) {
    const page = await source.history({ ...queryOf(name, before), limit: Math.min(wanted, PAGE) });
    const [oldest] = page;
    // An archive that does not go backwards would be read for ever.
    if (oldest === undefined || (before !== undefined && oldest.counter >= before)) break;
    pages.unshift(page);
    before = oldest.counter;
    wanted -= page.length;
  }
  return pages.flat();
}

/**
 * Where the entries begin that were written at a time or later. Counters follow the order in which the archive got its
 * entries, and times are their writers': where clocks disagree the border is somewhere among those entries.
 *
 * @param time milliseconds since 1970
 * @returns a counter; entries below it were written before
 */
export async function counterAt(source: Source, name: string | undefined, time: number): Promise<number> {
  const at = async (before: number | undefined): Promise<HistoryEntry | undefined> => {
    const entry = (await source.history({ ...queryOf(name, before), limit: 1 })).at(-1);
    // What does not tell its time, as something missing, says nothing of where the border is.
    return entry?.at === 0 ? at(entry.counter) : entry;
  };
  /** Entries up to `low` were written before, and those from `high` on were not. */
  let low = 0;
  let high = ((await at(undefined))?.counter ?? 0) + 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const entry = await at(middle + 1);
    if (entry === undefined || entry.counter <= low || entry.at < time) low = middle;
    else high = entry.counter;
  }
  return high;
}

function queryOf(name: string | undefined, before: number | undefined): HistoryQuery {
  return { ...(name === undefined ? {} : { with: name }), ...(before === undefined ? {} : { before }) };
}
