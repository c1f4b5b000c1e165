/** One run: a system, simulated people who write by a plan, and then the judgement and the figures of what happened. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parseAddress, type ServiceAddress } from "../../src/protocol/address.js";
import { chooseStrategy } from "../../src/lb/strategy-choice.js";
import { errorRecord, FastChatError } from "../../src/protocol/errors.js";
import { databaseSettings, lendIfNamed, type LentDatabases } from "../databases.js";
import { elapsed } from "../faults/host-messages.js";
import { checkHistory } from "../history/checker.js";
import { OPEN_DOORS } from "../service/sign-up.js";
import { preloading, WatchedSystem } from "../service/watched-system.js";
import { actText, type Act } from "./acts.js";
import { Crews } from "./crew.js";
import { totalsOf } from "./crew-totals.js";
import { FleetWatch } from "./fleet-watch.js";
import { Gauges, PEOPLE } from "./gauges.js";
import { keyPool } from "./key-pool.js";
import { machineFacts } from "./machine-facts.js";
import { checkMachine } from "./machine-limits.js";
import { DEFAULT_SERVERS, DEFAULT_STRATEGY, type LoadOptions } from "./options.js";
import { OutsideGauges } from "./outside-gauges.js";
import { LOOK_MS, Phases, STILL_MS, type Phase } from "./phases.js";
import { planLoad, type LoadPlan } from "./plan.js";
import type { ActDone, RunResult } from "./run-result.js";
import { unansweredProblem } from "./unanswered.js";

/** A report that was begun before the last one connected says nothing of that one. */
const FRESH_MS = 2_500;
const MOST_PROBLEMS = 100;

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
  readonly #phases: Phases;
  readonly #acts: ActDone[] = [];
  #system: WatchedSystem | null = null;
  #databases: LentDatabases | null = null;
  #crews: Crews | null = null;
  #fleet: FleetWatch | null = null;

  constructor(
    private readonly options: LoadOptions,
    onPhase: (phase: Phase) => void,
    private readonly stop: AbortSignal,
    private readonly preload: readonly URL[],
  ) {
    this.#phases = new Phases(onPhase, stop);
  }

  async go(): Promise<RunResult> {
    const { options } = this;
    const phases = this.#phases;
    const { clients, threads } = options;
    const startedAt = new Date();
    const machine = machineFacts();
    const plan = planLoad(options);
    const keys = await phases.timed("keys", () =>
      keyPool(
        clients,
        options["rsa-bits"],
        (made) => phases.tell({ name: "making keys", done: made, of: clients }),
        this.stop,
      ),
    );
    phases.goOn();
    phases.tell({ name: "starting the system", done: 0, of: 1 });
    const address = await phases.timed("start", () => this.#address());
    phases.goOn();
    const crews = new Crews({
      threads,
      address,
      plan,
      keys,
      prefix: options.server === undefined ? "" : `load-${startedAt.getTime().toString(36)}-`,
      onProblem: (text) => this.#problem(text),
    });
    this.#crews = crews;
    await phases.timed("signUp", () =>
      phases
        .untilStopped(
          phases.follow("signing up", crews.order({ type: "signUp" }), () => crews.state.signedUp, clients),
        )
        .catch((error: unknown) => {
          throw this.options.server === undefined ? error : ofJoined(error);
        }),
    );
    await this.#collectGarbage();
    const before = this.#gauges.rss;
    const arriveMs = options.arrive === undefined ? null : options.arrive * 1000;
    const present = plan.people.filter(({ offline }) => !offline).length;
    await phases.timed("connect", () =>
      phases.untilStopped(
        phases.follow(
          "connecting",
          crews.order({ type: "connect", arriveMs }),
          () => crews.state.live,
          present,
        ),
      ),
    );
    const members = plan.groups.reduce((sum, group) => sum + group.members.length, 0);
    if (members > 0) await phases.timed("gather", () => phases.untilStopped(this.#gather(crews, plan)));
    await this.#collectGarbage();
    const connected = this.#gauges.rss;
    phases.goOn();
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
    const interruptedAt = await phases.timed("workload", () => this.#write(crews, plan, start));
    outside.end();
    await crews.order({ type: "stop" });
    await this.#fleet?.close();
    const wrote = elapsed() - start;

    await phases.timed("rest", () => this.#settle(crews));
    await phases.timed("readBack", () =>
      phases.follow(
        "reading every archive",
        crews.order({ type: "readBack" }),
        () => crews.state.readBack,
        clients,
      ),
    );
    const results = await crews.results();
    phases.tell({ name: "checking", done: 0, of: 1 });
    const { archives, ...totals } = totalsOf(results, start);
    const unanswered = unansweredProblem(totals.events, archives);
    if (unanswered !== null) this.#problem(unanswered);
    const { from, to } = plan.measured;
    const until = Math.min(to, interruptedAt ?? Infinity);
    return {
      release: await releaseOf(),
      plan,
      machine,
      startedAt,
      interruptedAt,
      verdict: checkHistory(totals.events, archives),
      problems: this.#problems,
      throughput: {
        planned: plan.sends.filter(({ at }) => at >= from && at < until).length,
        accepted: totals.events.filter(({ type, at }) => type === "accepted" && at >= from && at < until)
          .length,
        seconds: Math.max(0, until - from) / 1000,
      },
      ...totals,
      samples: [...this.#gauges.samples, ...outside.samples].filter(({ at }) => at <= wrote),
      fleet: this.#fleet?.samples ?? [],
      acts: this.#acts,
      mailboxes: Object.fromEntries(latest.map(([server, { mailboxes }]) => [server, mailboxes])),
      cores: { [PEOPLE]: 0, ...this.#gauges.coresBetween(from, until) },
      cpuSamples: this.#gauges.coresBySecond().filter(({ at }) => at <= wrote),
      memory: before === null || connected === null ? null : { before, connected },
      took: phases.took,
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
    await this.#phases.follow("making groups", crews.order({ type: "gather" }), gathered, due);
    const late = elapsed() + STILL_MS;
    while (gathered() < due && elapsed() < late) await sleep(LOOK_MS);
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
      this.#phases.tell({
        name: at < plan.measured.from ? "warming up" : "measuring",
        done: Math.max(0, Math.round(at / 1000)),
        of: Math.round(length / 1000),
        note: `${sent} sent, ${received} received, ${live} connected${lateMs > 100 ? `, ${Math.round(lateMs)} ms behind the plan` : ""}`,
      });
      await sleep(LOOK_MS);
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
    const progress = (): { done: number; of: number } => {
      const { answered, received, sent } = crews.state;
      return { done: Math.min(answered, received), of: sent };
    };
    const isAnswered = (): boolean => crews.state.answered >= crews.state.sent;
    const isDelivered = (): boolean => crews.state.received >= crews.state.due;
    await this.#phases.whileMoving("waiting for answers", count, isAnswered, progress);
    await crews.order({ type: "connectRest" });
    await this.#phases.whileMoving("waiting for deliveries", count, isDelivered, progress);
  }

  /** Until its memory tells what is in use, and a report of each server knows of the last one who came, and of no collecting. */
  async #collectGarbage(): Promise<void> {
    if (this.#system === null) return;
    await this.#system.collectGarbage();
    await sleep(FRESH_MS);
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

async function releaseOf(): Promise<string> {
  const file = new URL("../../../package.json", import.meta.url);
  const { version } = JSON.parse(await readFile(file, "utf8")) as { version: string };
  return version;
}
