/** One run: a system, simulated people who write by a plan, and then the judgement and the figures of what happened. */
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { readFile } from "node:fs/promises";
import { parseAddress, type ServiceAddress } from "../../src/protocol/address.js";
import { chooseStrategy } from "../../src/lb/strategy-choice.js";
import { errorRecord, FastChatError } from "../../src/protocol/errors.js";
import { databaseSettings, lendIfNamed, type LentDatabases } from "../databases.js";
import { elapsed } from "../faults/host-messages.js";
import { checkHistory } from "../history/checker.js";
import type { ArchiveRecord, HistoryEvent } from "../history/events.js";
import type { Verdict } from "../history/verdict.js";
import { OPEN_DOORS } from "../service/sign-up.js";
import { preloading, WatchedSystem } from "../service/watched-system.js";
import { actText, type Act } from "./acts.js";
import { Crews } from "./crew.js";
import type { CrewResult } from "./crew-messages.js";
import { Gauges, PEOPLE, type CpuSample, type ServerSample } from "./gauges.js";
import { keyPool } from "./key-pool.js";
import { Latencies, type LatencyFigures, type Quantile } from "./latencies.js";
import { FleetWatch, type FleetSample } from "./fleet-watch.js";
import { checkMachine } from "./machine-limits.js";
import { DEFAULT_SERVERS, DEFAULT_STRATEGY, type LoadOptions } from "./options.js";
import { OutsideGauges } from "./outside-gauges.js";
import { planLoad, type LoadPlan } from "./plan.js";

/** Where a run stands, for a bar on a terminal or a line. */
export interface Phase {
  readonly name: string;
  readonly done: number;
  readonly of: number;
  /** What else is worth a look. */
  readonly note?: string;
}

export interface MachineFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly node: string;
  /** Load average of one minute, before anything was started. */
  readonly loadAverage: number;
}

export interface RunResult {
  readonly release: string;
  readonly plan: LoadPlan;
  readonly machine: MachineFacts;
  readonly startedAt: Date;
  /** When it was ended by the one who started it, in milliseconds of the plan; `null` if it ran to its end. */
  readonly interruptedAt: number | null;
  readonly verdict: Verdict;
  readonly problems: readonly string[];
  readonly events: readonly HistoryEvent[];
  /** Messages of the measured time that should have been sent, and that were accepted in it. */
  readonly throughput: { readonly planned: number; readonly accepted: number; readonly seconds: number };
  readonly endToEnd: LatencyFigures;
  readonly endToEndCurve: readonly Quantile[];
  readonly accepted: LatencyFigures;
  readonly acceptedCurve: readonly Quantile[];
  readonly lateness: LatencyFigures;
  /** Of people who logged in; nothing counted unless they did. */
  readonly logins: LatencyFigures;
  /** Each server, second by second: as it told itself, or as people saw it where the system was joined. */
  readonly samples: readonly ServerSample[];
  /** The servers as the system's operator saw them; empty for a system that was joined. */
  readonly fleet: readonly FleetSample[];
  /** What was done to the system, in order. */
  readonly acts: readonly ActDone[];
  /** Sessions by server when all were connected, before anybody wrote. */
  readonly placed: Readonly<Record<string, number>>;
  /** Mailboxes by server at the same moment; empty for a system that was joined. */
  readonly mailboxes: Readonly<Record<string, number>>;
  /**
   * CPU of the system's threads while messages were measured, in cores, of all its process, and of the simulated people's; of
   * the latter only where the system was joined.
   */
  readonly cores: Readonly<Record<string, number>>;
  readonly cpuSamples: readonly CpuSample[];
  readonly crypto: { readonly ms: number; readonly calls: number };
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

/** How long nothing may happen before what is missing counts as missing, in milliseconds. */
const STILL_MS = 20_000;
/** A report that was begun before the last one connected says nothing of that one. */
const FRESH_MS = 2_500;
const LOOK_MS = 250;
const MOST_PROBLEMS = 100;
/** Messages that are named in a problem. */
const FEW = 5;

/** It was told to end when there was nothing measured yet. */
export class EndedEarly extends Error {
  override readonly name = "EndedEarly";
}

/**
 * @param onPhase told several times a second
 * @param stop ends the writing; what was measured until then is judged and told
 * @param preload modules that are loaded into each of the system's threads, to break it on purpose
 * @throws EndedEarly where it is told to stop before the warm-up
 * @throws FastChatError where the machine, the options or the system do not allow it
 */
export async function runLoad(
  options: LoadOptions,
  onPhase: (phase: Phase) => void,
  stop: AbortSignal,
  preload: readonly URL[] = [],
): Promise<RunResult> {
  await checkMachine(options.clients);
  await chooseStrategy(options.strategy ?? DEFAULT_STRATEGY);
  const run = new LoadRun(options, onPhase, stop, preload);
  try {
    return await run.go();
  } finally {
    await run.end();
  }
}

class LoadRun {
  readonly #problems: string[] = [];
  readonly #gauges = new Gauges();
  readonly #took: Record<string, number> = {};
  readonly #acts: ActDone[] = [];
  #system: WatchedSystem | null = null;
  #databases: LentDatabases | null = null;
  #crews: Crews | null = null;
  #fleet: FleetWatch | null = null;

  constructor(
    private readonly options: LoadOptions,
    private readonly onPhase: (phase: Phase) => void,
    private readonly stop: AbortSignal,
    private readonly preload: readonly URL[],
  ) {}

  async go(): Promise<RunResult> {
    const { options } = this;
    const { clients, threads } = options;
    const startedAt = new Date();
    const machine = machineFacts();
    const plan = planLoad(options);
    const keys = await this.#timed("keys", () =>
      keyPool(
        clients,
        options["rsa-bits"],
        (made) => this.onPhase({ name: "making keys", done: made, of: clients }),
        this.stop,
      ),
    );
    this.#goOn();
    this.onPhase({ name: "starting the system", done: 0, of: 1 });
    const address = await this.#timed("start", () => this.#address());
    this.#goOn();
    const crews = new Crews({
      threads,
      address,
      plan,
      keys,
      prefix: options.server === undefined ? "" : `load-${startedAt.getTime().toString(36)}-`,
      onProblem: (text) => this.#problem(text),
    });
    this.#crews = crews;
    await this.#timed("signUp", () =>
      this.#untilStopped(
        this.#follow("signing up", crews.order({ type: "signUp" }), () => crews.state.signedUp, clients),
      ).catch((error: unknown) => {
        throw this.options.server === undefined ? error : ofJoined(error);
      }),
    );
    await this.#collectGarbage();
    const before = this.#gauges.rss;
    const arriveMs = options.arrive === undefined ? null : options.arrive * 1000;
    const present = plan.people.filter(({ offline }) => !offline).length;
    await this.#timed("connect", () =>
      this.#untilStopped(
        this.#follow(
          "connecting",
          crews.order({ type: "connect", arriveMs }),
          () => crews.state.live,
          present,
        ),
      ),
    );
    const members = plan.groups.reduce((sum, group) => sum + group.members.length, 0);
    if (members > 0) await this.#timed("gather", () => this.#untilStopped(this.#gather(crews, plan)));
    await this.#collectGarbage();
    const connected = this.#gauges.rss;
    this.#goOn();
    const latest = [...this.#gauges.latest];
    for (const [server, factor] of options.slow) this.#system?.slow(server, factor);

    const start = elapsed() + LOOK_MS;
    this.#gauges.begin(start);
    if (this.#system !== null) {
      this.#fleet = await FleetWatch.open(this.#system.data, start, (text) => this.#problem(text));
    }
    const outside = new OutsideGauges(() => crews.seen);
    if (this.#system === null) outside.begin(start);
    await crews.order({ type: "begin", start });
    const interruptedAt = await this.#timed("workload", () => this.#write(crews, plan, start));
    outside.end();
    await crews.order({ type: "stop" });
    await this.#fleet?.close();
    const wrote = elapsed() - start;

    await this.#timed("rest", () => this.#settle(crews));
    await this.#timed("readBack", () =>
      this.#follow(
        "reading every archive",
        crews.order({ type: "readBack" }),
        () => crews.state.readBack,
        clients,
      ),
    );
    const results = await crews.results();
    this.onPhase({ name: "checking", done: 0, of: 1 });
    const events = results.flatMap((result) => result.events).sort((one, other) => one.at - other.at);
    const archives: ArchiveRecord[] = results.flatMap((result) => result.archives);
    const told = events.map((event) => ({ ...event, at: event.at - start }));
    const nothing = cameToNothing(told, archives);
    if (nothing.length > 0) {
      this.#problem(
        `${nothing.length} messages were neither accepted nor refused, and nobody has them: ${nothing.slice(0, FEW).join(", ")}${nothing.length > FEW ? ", …" : ""}`,
      );
    }
    const { from, to } = plan.measured;
    const until = Math.min(to, interruptedAt ?? Infinity);
    return {
      release: await releaseOf(),
      plan,
      machine,
      startedAt,
      interruptedAt,
      verdict: checkHistory(told, archives),
      problems: this.#problems,
      events: told,
      throughput: {
        planned: plan.sends.filter(({ at }) => at >= from && at < until).length,
        accepted: told.filter(({ type, at }) => type === "accepted" && at >= from && at < until).length,
        seconds: Math.max(0, until - from) / 1000,
      },
      ...latenciesOf(results),
      samples: [...this.#gauges.samples, ...outside.samples].filter(({ at }) => at <= wrote),
      fleet: this.#fleet?.samples ?? [],
      acts: this.#acts,
      placed: placedIn(results),
      mailboxes: Object.fromEntries(latest.map(([server, { mailboxes }]) => [server, mailboxes])),
      cores: { [PEOPLE]: 0, ...this.#gauges.coresBetween(from, until) },
      cpuSamples: this.#gauges.coresBySecond().filter(({ at }) => at <= wrote),
      crypto: results.reduce(
        (sum, { crypto }) => ({ ms: sum.ms + crypto.ms, calls: sum.calls + crypto.calls }),
        { ms: 0, calls: 0 },
      ),
      memory: before === null || connected === null ? null : { before, connected },
      took: this.#took,
    };
  }

  async end(): Promise<void> {
    await this.#fleet?.close();
    await this.#crews?.close();
    await this.#system?.stop();
    await this.#databases?.close();
  }

  async #address(): Promise<ServiceAddress> {
    const { server, servers = DEFAULT_SERVERS, strategy = DEFAULT_STRATEGY } = this.options;
    if (server !== undefined) return parseAddress(server);
    this.#databases = await lendIfNamed(this.options);
    const system = await WatchedSystem.start(
      {
        ...OPEN_DOORS,
        FASTCHAT_SERVERS: String(servers),
        FASTCHAT_STRATEGY: strategy,
        ...databaseSettings(this.#databases),
        ...preloading(this.preload),
      },
      (message) => this.#gauges.take(message),
      true,
    );
    this.#system = system;
    return system.address;
  }

  /** Until all members who are there have heard of their group. */
  async #gather(crews: Crews, { groups, people }: LoadPlan): Promise<void> {
    const others = groups.flatMap(({ members }) => members.slice(1));
    const due = others.filter((person) => people[person]?.offline === false).length;
    const gathered = (): number => crews.state.gathered;
    await this.#follow("making groups", crews.order({ type: "gather" }), gathered, due);
    const late = elapsed() + STILL_MS;
    while (gathered() < due && elapsed() < late) await this.#pause(LOOK_MS);
  }

  /** @returns when it was interrupted, in milliseconds of the plan; `null` if it was not */
  async #write(crews: Crews, plan: LoadPlan, start: number): Promise<number | null> {
    const { from, to: length } = plan.measured;
    const acts = [...this.options.act];
    while (elapsed() - start < length) {
      const at = elapsed() - start;
      if (this.stop.aborted) return at;
      for (let act = acts[0]; act !== undefined && from + act.seconds * 1000 <= at; act = acts[0]) {
        acts.shift();
        await this.#do(act, start);
      }
      this.#gauges.notePeople();
      const { sent, received, live, lateMs } = crews.state;
      this.onPhase({
        name: at < plan.measured.from ? "warming up" : "measuring",
        done: Math.max(0, Math.round(at / 1000)),
        of: Math.round(length / 1000),
        note: `${sent} sent, ${received} received, ${live} connected${lateMs > 100 ? `, ${Math.round(lateMs)} ms behind the plan` : ""}`,
      });
      await this.#pause(LOOK_MS);
    }
    return null;
  }

  async #do(act: Act, start: number): Promise<void> {
    const at = elapsed() - start;
    let refused: string | null = null;
    if (act.do === "kill") this.#system?.end(act.server);
    else {
      await this.#fleet?.order(act).catch((error: unknown) => {
        refused = errorRecord(error).message;
        this.#problem(`${actText(act)} was refused: ${refused}`);
      });
    }
    this.#acts.push({ act, at, refused });
  }

  /** Until everything is answered and has arrived, or nothing happens any more. */
  async #settle(crews: Crews): Promise<void> {
    const count = (): number => crews.state.answered + crews.state.received;
    await this.#whileMoving("waiting for answers", count, () => crews.state.answered >= crews.state.sent);
    await crews.order({ type: "connectRest" });
    await this.#whileMoving("waiting for deliveries", count, () => crews.state.received >= crews.state.due);
  }

  async #whileMoving(name: string, count: () => number, isOver: () => boolean): Promise<void> {
    let before = count();
    let since = elapsed();
    while (!isOver() && elapsed() - since < STILL_MS) {
      const { answered, received, sent } = this.#crews?.state ?? { answered: 0, received: 0, sent: 0 };
      this.onPhase({ name, done: Math.min(answered, received), of: sent });
      await this.#pause(LOOK_MS);
      if (count() !== before) {
        before = count();
        since = elapsed();
      }
    }
  }

  async #follow(name: string, work: Promise<void>, done: () => number, of: number): Promise<void> {
    const telling = setInterval(() => this.onPhase({ name, done: done(), of }), LOOK_MS);
    try {
      await work;
      this.onPhase({ name, done: of, of });
    } finally {
      clearInterval(telling);
    }
  }

  /** Before the warm-up there is nothing to tell of. */
  async #untilStopped(work: Promise<void>): Promise<void> {
    this.#goOn();
    let end = (): void => undefined;
    const stopped = new Promise<never>((_, reject) => {
      end = () => reject(new EndedEarly());
      this.stop.addEventListener("abort", end);
    });
    await Promise.race([work, stopped]).finally(() => this.stop.removeEventListener("abort", end));
  }

  #goOn(): void {
    if (this.stop.aborted) throw new EndedEarly();
  }

  /** Until its memory tells what is in use, and a report of each server knows of the last one who came, and of no collecting. */
  async #collectGarbage(): Promise<void> {
    if (this.#system === null) return;
    await this.#system.collectGarbage();
    await this.#pause(FRESH_MS);
  }

  async #timed<T>(part: string, work: () => Promise<T>): Promise<T> {
    const began = elapsed();
    try {
      return await work();
    } finally {
      this.#took[part] = Math.round(elapsed() - began);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  #problem(text: string): void {
    if (this.#problems.length < MOST_PROBLEMS) this.#problems.push(text);
  }
}

/** What a joined system does not allow, with what would have to be allowed there. */
function ofJoined(error: unknown): unknown {
  if (!(error instanceof FastChatError) || error.code !== "tooMany") return error;
  return new FastChatError(
    "tooMany",
    "The system that --server joins lets in no more people from one address. Raise its limits registrationsPerMinutePerAddress, " +
      "loginsPerMinutePerAddress and requestsPerMinutePerAddress (config/globals.json there, or FASTCHAT_LIMITS_…), or take fewer --clients.",
    undefined,
    { cause: error },
  );
}

/** Messages of which their sender never heard, and that are in no archive. One whose client was away at the time may have come all the same. */
function cameToNothing(events: readonly HistoryEvent[], archives: readonly ArchiveRecord[]): string[] {
  const known = new Set<string>();
  for (const event of events) {
    if (event.type === "accepted" || event.type === "refused" || event.type === "received")
      known.add(event.message);
  }
  for (const { account, entries } of archives) {
    for (const { message, sender } of entries) if (sender !== account) known.add(message);
  }
  return events.flatMap((event) =>
    event.type === "sent" && !known.has(event.message) ? [event.message] : [],
  );
}

function latenciesOf(results: readonly CrewResult[]) {
  const merged = (which: "endToEnd" | "accepted" | "lateness" | "logins"): Latencies => {
    const all = new Latencies();
    for (const result of results) all.add(new Latencies(result[which]));
    return all;
  };
  const [endToEnd, accepted, lateness] = [merged("endToEnd"), merged("accepted"), merged("lateness")];
  return {
    endToEnd: endToEnd.figures(),
    endToEndCurve: endToEnd.quantiles(),
    accepted: accepted.figures(),
    acceptedCurve: accepted.quantiles(),
    lateness: lateness.figures(),
    logins: merged("logins").figures(),
  };
}

function placedIn(results: readonly CrewResult[]): Record<string, number> {
  const placed: Record<string, number> = {};
  for (const result of results) {
    for (const [server, count] of Object.entries(result.placed)) {
      placed[server] = (placed[server] ?? 0) + count;
    }
  }
  return Object.fromEntries(
    Object.entries(placed).sort(([one], [other]) => one.localeCompare(other, "en", { numeric: true })),
  );
}

function machineFacts(): MachineFacts {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    loadAverage: loadavg()[0] ?? 0,
  };
}

async function releaseOf(): Promise<string> {
  const file = new URL("../../../package.json", import.meta.url);
  const { version } = JSON.parse(await readFile(file, "utf8")) as { version: string };
  return version;
}
