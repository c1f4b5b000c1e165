/** A load run that is small enough for a test, with everything of its own in folders of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import type { LoadOptions } from "../../../bench/load/options.js";
import type { Phase } from "../../../bench/load/phases.js";
import { reportOf } from "../../../bench/load/report.js";
import type { LoadReportFile } from "../../../bench/load/report-schema.js";
import { runLoad } from "../../../bench/load/run.js";
import type { RunResult } from "../../../bench/load/run-result.js";

export const folder = t.testdir({ cache: {} });
// Where keys are kept: not with those of the person who runs the tests.
process.env["XDG_CACHE_HOME"] = join(folder, "cache");
// Where systems lie: a short path, since sockets are there as well.
export const systems = await mkdtemp(join(tmpdir(), "load-"));
process.env["TMPDIR"] = systems;
t.teardown(() => rm(systems, { recursive: true }));

const OPTIONS: LoadOptions = {
  clients: 8,
  servers: 2,
  server: undefined,
  strategy: "least-connections",
  workload: "pairs",
  zipf: 1,
  groupSizes: [10],
  rate: 20,
  seconds: 3,
  warmup: 1,
  size: { least: 100, most: 100 },
  "rsa-bits": 2048,
  offline: 0,
  slow: [],
  act: [],
  arrive: undefined,
  database: undefined,
  "archive-database": undefined,
  seed: 1,
  threads: 2,
  out: undefined,
  json: false,
};

export async function load(
  over: Partial<LoadOptions> = {},
  onPhase: (phase: Phase, stop: AbortController) => void = () => undefined,
  preload: readonly URL[] = [],
): Promise<{ result: RunResult; report: LoadReportFile }> {
  const options = { ...OPTIONS, ...over };
  const stop = new AbortController();
  const result = await runLoad(options, (phase) => onPhase(phase, stop), stop.signal, preload);
  return { result, report: reportOf(options, result) };
}
