/** What a run came to: the judgement, and all that reports are made of. */
import type { Verdict } from "../history/verdict.js";
import type { Act } from "./acts.js";
import type { CrewTotals } from "./crew-totals.js";
import type { FleetSample } from "./fleet-watch.js";
import type { CpuSample, ServerSample } from "./gauges.js";
import type { MachineFacts } from "./machine-facts.js";
import type { LoadPlan } from "./plan.js";

export interface RunResult extends Omit<CrewTotals, "archives"> {
  readonly release: string;
  readonly plan: LoadPlan;
  readonly machine: MachineFacts;
  readonly startedAt: Date;
  /** When it was ended by the one who started it, in milliseconds of the plan; `null` if it ran to its end. */
  readonly interruptedAt: number | null;
  readonly verdict: Verdict;
  readonly problems: readonly string[];
  /** Messages of the measured time that should have been sent, and that were accepted in it. */
  readonly throughput: { readonly planned: number; readonly accepted: number; readonly seconds: number };
  /** Each server, second by second: as it told itself, or as people saw it where the system was joined. */
  readonly samples: readonly ServerSample[];
  /** The servers as the system's operator saw them; empty for a system that was joined. */
  readonly fleet: readonly FleetSample[];
  /** What was done to the system, in order. */
  readonly acts: readonly ActDone[];
  /** Mailboxes by server when all were connected, before anybody wrote; empty for a system that was joined. */
  readonly mailboxes: Readonly<Record<string, number>>;
  /**
   * CPU of the system's threads while messages were measured, in cores, of all its process, and of the simulated people's; of
   * the latter only where the system was joined.
   */
  readonly cores: Readonly<Record<string, number>>;
  readonly cpuSamples: readonly CpuSample[];
  /** Memory of the system's process when all had signed up and nobody was connected, and when all were, in bytes; `null` for one that was joined. */
  readonly memory: { readonly before: number; readonly connected: number } | null;
  /** How long each part took, in milliseconds. */
  readonly took: Readonly<Record<string, number>>;
}

/** What was done to the system. */
export interface ActDone {
  readonly act: Act;
  /** Milliseconds from the beginning of the warm-up. */
  readonly at: number;
  /** Why it was refused; `null` where it was taken up. */
  readonly refused: string | null;
}
