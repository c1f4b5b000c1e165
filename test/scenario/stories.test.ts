/**
 * Stories of one kill each, in simulated time: what PROTOCOL.md, "What is promised", promises at that very moment. They
 * run in a process of their own, which has the simulator's primitives.
 */
import { fileURLToPath } from "node:url";
import t from "tap";

const ALL = fileURLToPath(new URL("stories/all.js", import.meta.url));

t.spawn(process.execPath, ["--conditions=simulation", ALL], {}, "in simulated time");
