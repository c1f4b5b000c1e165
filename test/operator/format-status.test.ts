/** The status as people read it: names stand left, figures right. */
import { Chalk } from "chalk";
import t from "tap";
import { drawStatus } from "../../src/operator/format-status.js";
import { statusOf } from "./statuses.js";

t.test("every server has a line, with its figures below each other", async (t) => {
  const status = statusOf(["serving", 1_200], ["draining", 7]);
  t.equal(
    drawStatus({ ...status, strategy: "least-busy" }, new Chalk({ level: 0 })),
    [
      "FastChat 1.0.0, placement least-busy",
      "",
      "server  state     connections  coming  msgs/s  kB/s  loop p99  queued  restarts",
      "chat-1  serving         1,200       0       0     0    0.0 ms       0         0",
      "chat-2  draining            7       0       0     0    0.0 ms       0         0",
      "",
      "evenness (Jain): connections 1, messages 1",
      "",
      "balancer: running",
    ].join("\n"),
  );
});
