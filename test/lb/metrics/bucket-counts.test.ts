/** Histograms that were sorted elsewhere: buckets add up, as Prometheus wants them. */
import t from "tap";
import { BucketCounts } from "../../../src/lb/metrics/bucket-counts.js";
import { serverId } from "../loads.js";
import { readExposition } from "./exposition.js";

t.test("each bucket holds what is in the smaller ones, and the last one all", async (t) => {
  const counts = new BucketCounts("x_seconds", "A help.", [0.1, 1]);
  counts.add(serverId("chat-1"), [3, 2, 1], 4.5);
  counts.add(serverId("chat-1"), [1, 0, 0], 0.05);
  const family = readExposition(counts.text()).get("x_seconds");
  t.equal(family?.type, "histogram");
  t.same(
    family?.samples.map(({ name, labels, value }) => [name, labels["le"] ?? null, labels["server"], value]),
    [
      ["x_seconds_bucket", "0.1", "chat-1", 4],
      ["x_seconds_bucket", "1", "chat-1", 6],
      ["x_seconds_bucket", "+Inf", "chat-1", 7],
      ["x_seconds_sum", null, "chat-1", 4.55],
      ["x_seconds_count", null, "chat-1", 7],
    ],
  );
});

t.test("servers that are no more are forgotten, the others are not", async (t) => {
  const counts = new BucketCounts("x_seconds", "A help.", [1]);
  counts.add(serverId("chat-1"), [1, 0], 1);
  counts.add(serverId("chat-2"), [1, 0], 1);
  counts.keepOnly(new Set(["chat-2"]));
  t.notMatch(counts.text(), "chat-1");
  t.match(counts.text(), "chat-2");
});
