import t from "tap";
import { positiveNumber, wholeNumber } from "../../../src/client/cli/numbers.js";

t.test("an option's number is above nothing and not beyond what a timer can wait", (t) => {
  for (const fine of [0.1, 1, 2_000_000]) t.equal(positiveNumber("--timeout", fine), fine);
  for (const bad of [0, -1, NaN, Infinity, 2_000_001]) {
    t.throws(() => positiveNumber("--timeout", bad), { code: "badRequest", message: /--timeout/ });
  }
  t.end();
});

t.test("a count is whole, and not below the least", (t) => {
  t.equal(wholeNumber("--limit", 0, 0), 0);
  for (const bad of [0, 1.5, NaN, Infinity, 1e300]) {
    t.throws(() => wholeNumber("--count", bad, 1), { code: "badRequest", message: /--count/ });
  }
  t.end();
});
