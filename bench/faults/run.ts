/** One run: a system, people who write to each other, faults, and then the judgement of everything that happened. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../../src/config.js";
import { DEFAULTS_FILE } from "../../src/supervisor/command-line.js";
import { checkHistory } from "../history/checker.js";
import type { ArchiveRecord, FaultEvent, HistoryEvent } from "../history/events.js";
import type { Verdict } from "../history/verdict.js";
import { elapsed, type PersonPlan } from "./host-messages.js";
import { Hosts, type Absence } from "./hosts.js";
import { Injector } from "./injector.js";
import { planPeople } from "./people.js";
import { openRunDatabases, type RunDatabases } from "./postgres.js";
import { Probe } from "./probe.js";
import { readLines } from "./recorder.js";
import { makeSchedule } from "./schedule.js";
import { SystemUnderTest } from "./system-under-test.js";

export interface RunOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly clients: number;
  readonly hosts: number;
  readonly servers: number;
  /** Messages of all people a second, on average. */
  readonly rate: number;
  readonly database: string | undefined;
  readonly archiveDatabase: string | undefined;
  /** Where everything of a run that failed is kept; `undefined` to remove it. */
  readonly keep: string | undefined;
}

export interface RunResult {
  readonly faults: readonly FaultEvent[];
  /** Faults that were planned. */
  readonly planned: number;
  readonly verdict: Verdict;
  /** What else must not happen, in words. */
  readonly problems: readonly string[];
  readonly absences: readonly Absence[];
  /** How long people wrote, in milliseconds. */
  readonly wroteMs: number;
  /** How long it took after the last fault until nothing was under way, in milliseconds; `null` if it never came to that. */
  readonly quietMs: number | null;
  /** Where the run's files are, if they were kept. */
  readonly kept: string | null;
}

/** How long everything may take to come to rest, in milliseconds. */
const QUIET_MS = 180_000;
/** How long nothing may happen before it counts as rest, in milliseconds. */
const STILL_MS = 3_000;
/**
 * How long it is waited for messages that were accepted and that nobody was shown, in milliseconds. Not all are: a client
 * that was killed when it had archived a message, and could not judge it yet, shows it in history only.
 */
const UNSEEN_MS = 20_000;
/** From this share of people on, those who are missing are named. */
const ALMOST_ALL = 0.97;
const MOST_PROBLEMS = 100;

/**
 * @param progress takes a line now and then
 * @param stop ends the run early; what was done until then is judged
 */
export async function runFaults(
  options: RunOptions,
  progress: (line: string) => void,
  stop: AbortSignal,
): Promise<RunResult> {
  const { keep } = options;
  if (keep !== undefined) await mkdir(keep, { recursive: true });
  const folder = await mkdtemp(join(keep ?? tmpdir(), "fastchat-faults-"));
  const run = new Run(options, folder, progress, stop);
  let bad = true;
  try {
    const result = await run.go();
    const { lost, duplicated, reordered, invented } = result.verdict.counts;
    bad = result.problems.length + lost + duplicated + reordered + invented > 0;
    return { ...result, kept: bad && keep !== undefined ? folder : null };
  } finally {
    await run.end();
    if (!bad || keep === undefined) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

class Run {
  readonly #problems: string[] = [];
  readonly #people: readonly PersonPlan[];
  #databases: RunDatabases | null = null;
  #system: SystemUnderTest | null = null;
  #hosts: Hosts | null = null;
  #probe: Probe | null = null;
  #injected = 0;

  constructor(
    private readonly options: RunOptions,
    private readonly folder: string,
    private readonly progress: (line: string) => void,
    private readonly stop: AbortSignal,
  ) {
    this.#people = planPeople(options);
  }

  async go(): Promise<Omit<RunResult, "kept">> {
    const { options, progress } = this;
    const { seed, minutes, clients, hosts: hostCount, servers, rate } = options;
    const embedded = options.database === undefined;
    const schedule = makeSchedule({
      seed,
      minutes,
      people: this.#people.length,
      hosts: hostCount,
      servers,
      embedded,
      hungMs: readConfig(DEFAULTS_FILE, [], ".").timeouts.hungMs,
    });
    progress("starting the system");
    if (options.database !== undefined) {
      this.#databases = await openRunDatabases(options.database, options.archiveDatabase);
    }
    const onProblem = (text: string): void => this.#problem(text);
    const databases = this.#databases?.urls ?? null;
    const system = await SystemUnderTest.start({ folder: this.folder, servers, databases, onProblem });
    this.#system = system;
    progress(`signing ${clients} people up, and ${this.#people.length - clients} of them on a second device`);
    const probe = await Probe.start(system.address, join(this.folder, "probe"));
    this.#probe = probe;
    const hosts = new Hosts({
      address: system.address,
      folder: this.folder,
      seed,
      hosts: hostCount,
      people: this.#people,
      perMinute: (rate * 60) / this.#people.length,
      onProblem,
    });
    this.#hosts = hosts;
    await hosts.start();

    const start = elapsed();
    hosts.tellAll({ type: "send", sending: true });
    const ticking = setInterval(() => this.#tick(start, schedule.length), 5_000);
    const injector = new Injector({
      system,
      hosts,
      probe,
      databases: this.#databases?.gates ?? [],
      nameOf: (person) => this.#people[person]?.name ?? "",
      accountOf: (person) => this.#people[person]?.account ?? "",
      onProblem,
      onFault: () => this.#injected++,
    });
    const faults = await injector.run(schedule, start, this.stop).finally(() => clearInterval(ticking));
    await this.#rest(start + minutes * 60_000 - elapsed());
    const wroteMs = elapsed() - start;

    progress("all faults are over: waiting until nothing is under way");
    system.tell({ type: "clock", offsetMs: 0 });
    hosts.tellAll({ type: "send", sending: false });
    hosts.tellAll({ type: "heal" });
    const quietMs = await this.#quiet(hosts);
    await hosts.close();
    progress("reading every archive on a new device");
    const archives = (await hosts.readBack()).flatMap((file) => readLines<ArchiveRecord>(file));
    // Of a person's devices each may be with another host.
    archives.sort((one, other) => Number(one.device !== null) - Number(other.device !== null));

    progress("checking");
    const since = (event: HistoryEvent): HistoryEvent => ({
      ...event,
      at: event.at - start,
      ...("until" in event && event.until !== null ? { until: event.until - start } : {}),
    });
    const told = faults.map((fault) => ({
      ...fault,
      at: fault.at - start,
      until: fault.until === null ? null : fault.until - start,
    }));
    const verdict = checkHistory([...told, ...this.#events(hosts).map(since)], archives);
    return {
      faults: told,
      planned: schedule.length,
      verdict,
      problems: this.#problems,
      absences: hosts.absences.map((absence) => ({
        ...absence,
        from: absence.from - start,
        to: absence.to - start,
      })),
      wroteMs,
      quietMs,
    };
  }

  /** Ends every process that was started. */
  async end(): Promise<void> {
    await Promise.allSettled([this.#hosts?.end(), this.#probe?.close()]);
    await this.#system?.stop();
    await this.#databases?.close();
  }

  #events(hosts: Hosts): HistoryEvent[] {
    return hosts.eventFiles.flatMap((file) => readLines<HistoryEvent>(file));
  }

  /** @returns how long it took; `null` if it did not happen, which is a problem that was noted */
  async #quiet(hosts: Hosts): Promise<number | null> {
    const start = elapsed();
    let left = "";
    while (elapsed() - start < QUIET_MS) {
      const states = await hosts.poll();
      const waiting = states.reduce((sum, state) => sum + state.waiting, 0);
      const outbox = states.reduce((sum, state) => sum + state.outbox, 0);
      const lastAt = Math.max(...states.map((state) => state.lastAt));
      left = `${waiting} messages are not accepted, ${outbox} files are in outboxes, ${Math.round(hosts.liveShare * 100)} % of the devices in session; ${hosts.missing.join(" ")}`;
      const still = elapsed() - Math.max(lastAt, start);
      if (waiting === 0 && outbox === 0 && hosts.liveShare === 1 && still > STILL_MS) {
        if (still > UNSEEN_MS || isAllSeen(this.#events(hosts))) return Math.max(0, lastAt - start);
      }
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    this.#problem(`it did not come to rest within ${QUIET_MS} ms: ${left}`);
    return null;
  }

  #rest(ms: number): Promise<void> {
    if (ms <= 0 || this.stop.aborted) return Promise.resolve();
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  #problem(text: string): void {
    this.progress(`problem: ${text}`);
    if (this.#problems.length < MOST_PROBLEMS) this.#problems.push(text);
  }

  #tick(start: number, planned: number): void {
    const hosts = this.#hosts;
    if (hosts === null) return;
    const live = Math.round(hosts.liveShare * this.#people.length);
    this.progress(
      `${((elapsed() - start) / 1000).toFixed(0)} s: ${this.#injected} of ${planned} faults, ${live} of ${this.#people.length} devices in session`,
    );
    if (live > this.#people.length * ALMOST_ALL) for (const text of hosts.missing) this.progress(`  ${text}`);
  }
}

/** Whether every accepted message was shown to its recipient. */
function isAllSeen(events: readonly HistoryEvent[]): boolean {
  const received = new Set(events.flatMap((event) => (event.type === "received" ? [event.message] : [])));
  return events.every((event) => event.type !== "accepted" || received.has(event.message));
}
