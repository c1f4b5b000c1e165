/** How many were let in within a second, at most. */
import t from "tap";
import { mostWithin } from "../../../bench/recovery/storm.js";

t.test("the fullest span counts, wherever it begins", async (t) => {
  t.equal(mostWithin([], 1000), 0);
  t.equal(mostWithin([5], 1000), 1);
  t.equal(mostWithin([0, 400, 900, 1100, 1300, 5000], 1000), 4);
});

t.test("times in any order; the span's end does not belong to it", async (t) => {
  t.equal(mostWithin([1000, 0], 1000), 1);
  t.equal(mostWithin([999, 0], 1000), 2);
});
