import t from "tap";
import { Batches } from "../../src/node/batches.js";

/** Batches whose work ends when the test says so. */
function gated(options: { most: number; atOnce?: number; keyOf?: (item: string) => string }) {
  const begun: { readonly items: readonly string[]; readonly end: () => void }[] = [];
  let tell: () => void = () => undefined;
  const batches = new Batches<string, string>({
    ...options,
    work: (items) =>
      new Promise((resolve) => {
        begun.push({ items, end: () => resolve(items.map((item) => item.toUpperCase())) });
        tell();
      }),
  });
  const whenBegun = async (count: number): Promise<void> => {
    while (begun.length < count) await new Promise<void>((resolve) => (tell = resolve));
  };
  return { batches, begun, whenBegun };
}

t.test("what comes in one turn goes together, and what comes meanwhile makes the next batch", async (t) => {
  const { batches, begun, whenBegun } = gated({ most: 3 });
  const outcomes = ["a", "b"].map((item) => batches.add(item));
  await whenBegun(1);
  outcomes.push(...["c", "d", "e", "f"].map((item) => batches.add(item)));
  t.equal(batches.waiting, 4);
  begun[0]?.end();
  await whenBegun(2);
  begun[1]?.end();
  await whenBegun(3);
  begun[2]?.end();
  t.same(await Promise.all(outcomes), ["A", "B", "C", "D", "E", "F"]);
  t.same(
    begun.map(({ items }) => items),
    [["a", "b"], ["c", "d", "e"], ["f"]],
  );
});

t.test("where several may be under way, each takes its share of what waits", async (t) => {
  const { batches, begun, whenBegun } = gated({ most: 8, atOnce: 2 });
  const outcomes = ["a", "b", "c", "d", "e"].map((item) => batches.add(item));
  await whenBegun(2);
  t.same(
    begun.map(({ items }) => items),
    [
      ["a", "b", "c"],
      ["d", "e"],
    ],
  );
  for (const { end } of begun) end();
  t.same(await Promise.all(outcomes), ["A", "B", "C", "D", "E"]);
});

t.test("items of one key follow each other", async (t) => {
  const { batches, begun, whenBegun } = gated({ most: 8, keyOf: (item) => item.slice(0, 1) });
  const outcomes = ["x1", "y1", "x2", "x3", "y2"].map((item) => batches.add(item));
  for (let batch = 0; batch < 3; batch++) {
    await whenBegun(batch + 1);
    begun[batch]?.end();
  }
  await Promise.all(outcomes);
  t.same(
    begun.map(({ items }) => items),
    [["x1", "y1"], ["x2", "y2"], ["x3"]],
  );
});

t.test("a failure is everybody's, unless it may be one item's fault", async (t) => {
  const tried: (readonly string[])[] = [];
  const work = async (items: readonly string[]): Promise<string[]> => {
    tried.push(items);
    if (items.includes("bad")) throw new Error("one of them is bad");
    return [...items];
  };
  const outcomesOf = (batches: Batches<string, string>) =>
    Promise.allSettled(["a", "bad", "b"].map((item) => batches.add(item)));
  const together = await outcomesOf(new Batches({ work, most: 8 }));
  t.same(
    together.map(({ status }) => status),
    ["rejected", "rejected", "rejected"],
  );
  tried.length = 0;
  const apart = await outcomesOf(new Batches({ work, most: 8, isOnesFault: () => true }));
  t.same(
    apart.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  t.same(tried, [["a", "bad", "b"], ["a"], ["bad"], ["b"]]);
});

t.test("work that answers for fewer than it was given is a failure", async (t) => {
  const batches = new Batches<string, string>({ work: async () => [], most: 8 });
  await t.rejects(batches.add("a"), RangeError);
});

t.test("after a failure the next batch begins as ever", async (t) => {
  let failing = true;
  const batches = new Batches<string, string>({
    work: async (items) => {
      if (failing) throw new Error("not now");
      return [...items];
    },
    most: 1,
  });
  const [first, second] = [batches.add("a"), batches.add("b")];
  await t.rejects(first);
  failing = false;
  t.equal(await second, "b");
});
