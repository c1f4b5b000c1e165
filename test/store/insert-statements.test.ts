import t from "tap";
import { insertStatements } from "../../src/store/insert-statements.js";

const insert = insertStatements("pairs", ["a", "b"]);
const rows = (count: number) => Array.from({ length: count }, (_, i) => [i, -i]);

t.test("rows are inserted by one statement where their number is a power of two", (t) => {
  t.same(insert(rows(2)), [
    {
      name: "pairs-insert-2",
      text: "INSERT INTO pairs (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING",
      values: [0, -0, 1, -1],
    },
  ]);
  t.end();
});

t.test("any other number of rows is made of the largest that fit, in order", (t) => {
  const statements = insert(rows(1029));
  t.same(
    statements.map(({ name }) => name),
    ["pairs-insert-512", "pairs-insert-512", "pairs-insert-4", "pairs-insert-1"],
  );
  t.same(
    statements.flatMap(({ values }) => values),
    rows(1029).flat(),
  );
  t.end();
});

t.test("ten texts serve any number of rows", (t) => {
  const texts = new Map<string | undefined, string>();
  for (let count = 1; count <= 1100; count++) {
    for (const { name, text } of insert(rows(count))) texts.set(name, text);
  }
  t.equal(texts.size, 10);
  t.equal(new Set(texts.values()).size, 10);
  t.end();
});

t.test("no rows need no statement", (t) => {
  t.same(insert([]), []);
  t.end();
});
