/** What `bench -- faults --json` prints. */
import t from "tap";
import { isGood, reportOf } from "../../../bench/faults/report.js";
import type { RunResult } from "../../../bench/faults/run.js";

const clean = { sent: 9, accepted: 8, received: 8, lost: 0, duplicated: 0, reordered: 0, invented: 0 };
const fault = (kind: string, target: string, at: number, until: number | null) =>
  ({ type: "fault", kind, target, at, until }) as const;
const run: RunResult = {
  faults: [
    fault("end chat", "chat-1", 1_000, 1_900),
    fault("end chat", "chat-2", 5_000, 5_300),
    fault("end chat", "chat-2", 9_000, 9_700),
    fault("kill", "system", 7_000, null),
  ],
  planned: 4,
  verdict: { counts: clean, violations: [] },
  problems: [],
  absences: [
    { person: 1, server: "chat-1", from: 1_001, to: 1_801 },
    { person: 2, server: "chat-1", from: 1_002, to: 2_602 },
    // Not the doing of a server's end.
    { person: 3, server: "chat-3", from: 1_003, to: 90_000 },
    { person: 4, server: "chat-1", from: 999, to: 90_000 },
    { person: 5, server: "chat-1", from: 2_500, to: 90_000 },
  ],
  wroteMs: 10_000.4,
  quietMs: null,
  kept: null,
};

t.test("faults are counted by kind, and recoveries are those that were seen", async (t) => {
  t.strictSame(reportOf(run), {
    faults: 4,
    faultsByKind: { "end chat": 3, kill: 1 },
    check: clean,
    recoveryMs: { "end chat": { p50: 700, max: 900 }, kill: null },
    injected: run.faults,
    peopleBackMs: { people: 2, p50: 800, p99: 1_600, max: 1_600 },
    wroteMs: 10_000,
    quietMs: null,
    violations: [],
    problems: [],
    kept: null,
  });
});

t.test("a run is good where nothing is violated and nothing else is wrong", async (t) => {
  t.equal(isGood(reportOf(run)), true);
  t.equal(isGood(reportOf({ ...run, problems: ["chat-1 did not come back"] })), false);
  for (const kind of ["lost", "duplicated", "reordered", "invented"]) {
    const verdict = { counts: { ...clean, [kind]: 1 }, violations: [] };
    t.equal(isGood(reportOf({ ...run, verdict })), false, kind);
  }
});
