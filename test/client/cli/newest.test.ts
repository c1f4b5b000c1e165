import t from "tap";
import { counterAt, newest } from "../../../src/client/cli/newest.js";
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

t.test("where a time begins is found in a few steps, with gaps, and at both ends", async (t) => {
  // Entries 1 to 1000, one a minute from minute 1 on; only every third is of this conversation.
  const queries: HistoryQuery[] = [];
  const source = {
    history(query: HistoryQuery = {}) {
      queries.push(query);
      const { limit = 50, before = Infinity } = query;
      const counters = Array.from({ length: 333 }, (_, index) => 3 * index + 3).filter(
        (counter) => counter < before,
      );
      return Promise.resolve(
        counters.slice(-limit).map((counter) => ({ counter, at: counter * 60_000 }) as HistoryEntry),
      );
    },
  };
  t.equal(await counterAt(source, "bob", 300 * 60_000), 300, "the first that was written then");
  t.ok(queries.length < 20, `${queries.length} queries`);
  t.same(counters(await newest(source, "bob", 2, await counterAt(source, "bob", 301 * 60_000))), [297, 300]);
  t.same(await newest(source, "bob", 2, await counterAt(source, "bob", 0)), []);
  t.same(counters(await newest(source, "bob", 1, await counterAt(source, "bob", 1e12))), [999]);
  t.equal(await counterAt(archive(0), undefined, 5), 1);
});
