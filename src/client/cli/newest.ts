/** Reading more history than the client's core gives at a time. */
import type { HistoryEntry, HistoryQuery } from "../core/messages.js";

/** The most that the core reads at a time. */
const PAGE = 500;

/** The newest `limit` entries, oldest first, read backwards page by page. */
export async function newest(
  source: { history(query?: HistoryQuery): Promise<HistoryEntry[]> },
  name: string | undefined,
  limit: number,
): Promise<HistoryEntry[]> {
  const pages: HistoryEntry[][] = [];
  let before: number | undefined;
  for (let wanted = limit; wanted > 0;) {
    const page = await source.history({
      ...(name === undefined ? {} : { with: name }),
      ...(before === undefined ? {} : { before }),
      limit: Math.min(wanted, PAGE),
    });
    const [oldest] = page;
    // An archive that does not go backwards would be read for ever.
    if (oldest === undefined || (before !== undefined && oldest.counter >= before)) break;
    pages.unshift(page);
    before = oldest.counter;
    wanted -= page.length;
  }
  return pages.flat();
}
