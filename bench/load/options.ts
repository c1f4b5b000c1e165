/** What `load` can be told. */
import type { Argv } from "yargs";
import { STRATEGIES } from "../../src/lb/strategy-choice.js";
import { FastChatError } from "../../src/protocol/errors.js";
import { MAX_GROUP_MEMBERS } from "../../src/protocol/groups.js";
import { DATABASE_OPTIONS, type DatabaseOptions } from "../databases.js";
import { ACT_FORMS, parseAct, type Act } from "./acts.js";
import { WORKLOADS, type SizeRange, type Workload } from "./plan.js";

export interface LoadOptions extends DatabaseOptions {
  readonly clients: number;
  /** Address of a running system, in the place of one that is started. */
  readonly server: string | undefined;
  /** Of a system that is started; one that is joined has its own. `undefined` stands for {@link DEFAULT_SERVERS}. */
  readonly servers: number | undefined;
  /** Likewise; {@link DEFAULT_STRATEGY}. */
  readonly strategy: string | undefined;
  readonly workload: Workload;
  readonly zipf: number;
  readonly groupSizes: readonly number[];
  readonly rate: number;
  readonly seconds: number;
  readonly warmup: number;
  readonly size: SizeRange;
  readonly "rsa-bits": number;
  readonly offline: number;
  /** Servers and how many times as long they take. */
  readonly slow: readonly (readonly [server: string, factor: number])[];
  /** In order of time. */
  readonly act: readonly Act[];
  /** Seconds over which people log in one after the other, each on a new device; `undefined`: all at once, on the device they signed up on. */
  readonly arrive: number | undefined;
  readonly seed: number;
  readonly threads: number;
  readonly out: string | undefined;
  readonly json: boolean;
}

export const DEFAULT_SERVERS = 4;
export const DEFAULT_STRATEGY = "least-busy";

/** Bytes of a text: at least what names the message, at most what one message takes. */
const SIZES = { least: 48, most: 60_000 };

export function loadOptions(args: Argv): Argv<LoadOptions> {
  return args
    .option("clients", {
      type: "number",
      default: 500,
      describe: "simulated people, each with keys of their own",
    })
    .option("servers", {
      type: "number",
      defaultDescription: String(DEFAULT_SERVERS),
      describe: "chat servers of the system that is started",
    })
    .option("server", {
      type: "string",
      describe: "join a running system: its address with the pin, fastchat://host:port#pin",
    })
    .option("strategy", {
      type: "string",
      defaultDescription: DEFAULT_STRATEGY,
      describe: `how the balancer places people: ${Object.keys(STRATEGIES).join(", ")}, or a module of your own, ./mine.js`,
    })
    .option("workload", {
      choices: WORKLOADS,
      default: "pairs",
      describe:
        "pairs: each writes to one other; zipf: few write most; groups: each writes to their group; " +
        "churn: people come and go; storm: all come back at once",
    })
    .option("zipf", { type: "number", default: 1, describe: "exponent of the zipf workload" })
    .option("group-sizes", {
      type: "string",
      default: "10",
      describe: "members of the groups workload's groups, as 5,50: in turns",
    })
    .option("rate", {
      type: "number",
      default: 100,
      describe: "messages a second in all, whatever becomes of them",
    })
    .option("seconds", { type: "number", default: 60, describe: "how long is measured" })
    .option("warmup", { type: "number", default: 10, describe: "seconds of the same before that" })
    .option("size", {
      type: "string",
      default: "100",
      describe: "bytes of a text; or from 48-4000, each as likely",
    })
    .option("rsa-bits", { type: "number", default: 2048, describe: "size of people's RSA keys" })
    .option("offline", {
      type: "number",
      default: 0,
      describe: "share of the people who are away until the end, 0 to 0.9",
    })
    .option("slow", {
      type: "string",
      array: true,
      default: [] as string[],
      describe: "SERVER:FACTOR, as chat-2:3: that server takes so many times as long for everything",
    })
    .option("act", {
      type: "string",
      array: true,
      default: [] as string[],
      describe: `what is done to the system while it is measured: ${ACT_FORMS}`,
    })
    .option("arrive", {
      type: "number",
      describe: "people log in with their passwords, each on a new device, evenly over so many seconds",
    })
    .options(DATABASE_OPTIONS)
    .option("seed", { type: "number", default: 1, describe: "what the plan is drawn from" })
    .option("threads", { type: "number", default: 2, describe: "threads that the simulated people share" })
    .option("out", { type: "string", describe: "folder for report.json, report.html and events.jsonl" })
    .option("json", { type: "boolean", default: false, describe: "print the report as one JSON object" })
    .coerce("group-sizes", (text: string) => text.split(",").map(Number))
    .coerce("size", sizeRange)
    .coerce("act", (texts: readonly string[]) =>
      texts.map(parseAct).sort((one, other) => one.seconds - other.seconds),
    )
    .coerce("slow", (texts: readonly string[]) => texts.map(slowServer))
    .check((options) => {
      check(options as unknown as LoadOptions);
      return true;
    }) as unknown as Argv<LoadOptions>;
}

function sizeRange(text: string): SizeRange {
  const [, least = "", most = least] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  const range = { least: Number(least), most: Number(most) };
  if (range.least < SIZES.least || range.most > SIZES.most || range.least > range.most) {
    throw new FastChatError(
      "badRequest",
      `--size takes bytes from ${SIZES.least} to ${SIZES.most}, as 100 or 48-4000, not "${text}".`,
    );
  }
  return range;
}

function slowServer(text: string): readonly [string, number] {
  const [, server, factor] = /^(chat-\d+):(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (server === undefined || !(Number(factor) >= 1) || Number(factor) > 100) {
    throw new FastChatError("badRequest", `--slow takes SERVER:FACTOR, as chat-2:3, not "${text}".`);
  }
  return [server, Number(factor)];
}

function check(options: LoadOptions): void {
  const whole = (name: keyof LoadOptions, least: number, most: number): void => {
    const value = options[name] as number;
    if (Number.isInteger(value) && value >= least && value <= most) return;
    throw new FastChatError("badRequest", `--${name} must be a whole number from ${least} to ${most}.`);
  };
  const within = (name: keyof LoadOptions, least: number, most: number): void => {
    const value = options[name] as number;
    if (value >= least && value <= most) return;
    throw new FastChatError("badRequest", `--${name} must be a number from ${least} to ${most}.`);
  };
  whole("clients", 2, 100_000);
  if (options.servers !== undefined) whole("servers", 1, 64);
  whole("threads", 1, 64);
  whole("rsa-bits", 2048, 8192);
  whole("seed", 0, 2 ** 31);
  within("rate", 0.1, 100_000);
  within("seconds", 1, 86_400);
  within("warmup", 0, 3_600);
  within("offline", 0, 0.9);
  within("zipf", 0, 10);
  if (options.arrive !== undefined) within("arrive", 0, 3_600);
  const late = options.act.find(({ seconds }) => seconds >= options.seconds);
  if (late !== undefined) {
    throw new FastChatError(
      "badRequest",
      `--act at ${late.seconds} s comes after the measured time of ${options.seconds} s; raise --seconds.`,
    );
  }
  if (options.act.length > 0 && options.server !== undefined) {
    throw new FastChatError(
      "badRequest",
      "--act is for a system that is started here; one that was joined is its operators'.",
    );
  }
  for (const size of options.groupSizes) {
    if (Number.isInteger(size) && size >= 2 && size <= MAX_GROUP_MEMBERS) continue;
    throw new FastChatError(
      "badRequest",
      `--group-sizes takes whole numbers from 2 to ${MAX_GROUP_MEMBERS}, with commas between them.`,
    );
  }
  const servers = options.servers ?? DEFAULT_SERVERS;
  for (const [server] of options.slow) {
    if (Number(server.slice("chat-".length)) > servers) {
      throw new FastChatError("badRequest", `--slow names ${server}; there are ${servers} servers.`);
    }
  }
  if (options.server === undefined) return;
  for (const name of ["servers", "strategy", "database", "archive-database"] as const) {
    if (options[name] !== undefined) throw notOfJoined(name);
  }
  if (options.slow.length > 0) throw notOfJoined("slow");
}

function notOfJoined(name: string): FastChatError {
  return new FastChatError(
    "badRequest",
    `--${name} is for a system that is started; the one that --server joins has its own.`,
  );
}
