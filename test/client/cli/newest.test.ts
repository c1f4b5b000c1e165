import t from "tap";
import { newest } from "../../../src/client/cli/newest.js";
import type { HistoryEntry, HistoryQuery } from "../../../src/client/core/messages.js";

/** An archive of so many entries, numbered from 1, that keeps the queries it was asked. */
function archive(entries: number): {
  history(query?: HistoryQuery): Promise<HistoryEntry[]>;
  queries: HistoryQuery[];
} {
  const queries: HistoryQuery[] = [];
  return {
    queries,
    history(query = {}) {
      queries.push(query);
      const { limit = 50, before = Infinity } = query;
      const counters = Array.from({ length: entries }, (_, index) => index + 1).filter(
        (counter) => counter < before,
      );
      return Promise.resolve(counters.slice(-limit).map((counter) => ({ counter }) as HistoryEntry));
    },
  };
}

const counters = (entries: readonly HistoryEntry[]): number[] => entries.map(({ counter }) => counter);

t.test("the newest entries come oldest first", async (t) => {
  t.same(counters(await newest(archive(20), undefined, 3)), [18, 19, 20]);
  t.same(await newest(archive(0), undefined, 3), []);
});

t.test("more than a page is read backwards, page by page, without a gap or a double", async (t) => {
  const source = archive(1203);
  t.same(
    counters(await newest(source, "bob", 1100)),
    Array.from({ length: 1100 }, (_, index) => 104 + index),
  );
  t.same(
    source.queries.map(({ limit, before }) => [limit, before]),
    [
      [500, undefined],
      [500, 704],
      [100, 204],
    ],
  );
  t.ok(source.queries.every((query) => query.with === "bob"));
  t.equal((await newest(archive(1203), undefined, Infinity)).length, 1203, "all of it");
});
