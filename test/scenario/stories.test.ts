/**
 * Stories of one kill each, in simulated time: what PROTOCOL.md, "What is promised", promises at that very moment. They
 * run in a process of their own, which has the simulator's primitives.
 */
import { fileURLToPath } from "node:url";
import t from "tap";

const ALL = fileURLToPath(new URL("stories/all.js", import.meta.url));

// They take a few seconds, and on a busy machine as long as it takes: no time of theirs is real.
t.setTimeout(600_000);
t.spawn(process.execPath, ["--conditions=simulation", ALL], { timeout: 600_000 }, "in simulated time");
