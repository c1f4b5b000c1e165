/**
 * `npm run bench -- login`: what the balancer does in a second, beside what its OPAQUE library alone would do; whether logins hold
 * up placements; and whether the time of a login's first step tells if a name has an account.
 */
import { availableParallelism, loadavg } from "node:os";
import { ready } from "@serenity-kit/opaque";
import type { CommandModule } from "yargs";
import { PATHS } from "../src/protocol/http.js";
import { parseUserName, type UserName } from "../src/protocol/ids.js";
import { DATABASE_OPTIONS, databaseSettings, lendIfNamed, type DatabaseOptions } from "./databases.js";
import { SystemCpu } from "./login/system-cpu.js";
import { OpaqueAlone } from "./login/alone.js";
import { compareNames } from "./login/names.js";
import { measureRate } from "./login/rates.js";
import { figuresOf, linesOf, type LoginReport } from "./login/report.js";
import { Placements, rush } from "./login/rush.js";
import { Logins, type RoundOfLogins } from "./login/through-service.js";
import { Times } from "./percentiles.js";
import { Connections } from "./service/connections.js";
import { OPEN_DOORS, signUpMany } from "./service/sign-up.js";
import { WatchedSystem } from "./service/watched-system.js";

interface LoginOptions extends DatabaseOptions {
  readonly seconds: number;
  readonly rounds: number;
  readonly logins: number;
  readonly connections: number;
  readonly rush: number;
  readonly rushes: number;
  readonly requests: number;
  readonly json: boolean;
}

export const loginCommand: CommandModule<object, LoginOptions> = {
  command: "login",
  describe:
    "placements, cards and logins a second beside what OPAQUE alone reaches, placements while hundreds log in, and known beside unknown names",
  builder: (args) =>
    args
      .option("seconds", {
        type: "number",
        default: 5,
        describe: "how long placements are asked for, and cards",
      })
      .option("rounds", {
        type: "number",
        default: 10,
        describe: "what is compared takes turns so many times",
      })
      .option("logins", { type: "number", default: 500, describe: "logins in a round, of each side" })
      .option("connections", { type: "number", default: 32, describe: "people who log in at the same time" })
      .option("rush", { type: "number", default: 500, describe: "people who all begin to log in at once" })
      .option("rushes", { type: "number", default: 5, describe: "so many times" })
      .option("requests", { type: "number", default: 300, describe: "requests for each name in a round" })
      .options(DATABASE_OPTIONS)
      .option("json", { type: "boolean", default: false, describe: "print one JSON object" })
      .check(({ seconds, rounds, logins, connections, rush, rushes, requests }) => {
        for (const [name, value] of Object.entries({
          rounds,
          logins,
          connections,
          rush,
          rushes,
          requests,
        })) {
          if (!Number.isInteger(value) || value < 1)
            throw new Error(`--${name} must be a whole number from 1.`);
        }
        if (!(seconds >= 1)) throw new Error("--seconds must be at least 1.");
        return true;
      }),
  handler: (options) => measureLogins(options),
};

/** Limits out of the way and a light password hash: what is measured is the server's part. Nobody comes to the places given out. */
const LABORATORY = {
  ...OPEN_DOORS,
  FASTCHAT_SERVERS: "1",
  FASTCHAT_LIMITS_PENDING_LOGINS: "1000000",
  FASTCHAT_LIMITS_PLACEMENTS_PER_SECOND: "1000000",
  FASTCHAT_LIMITS_CONNECTIONS_PER_SERVER: "1000000",
};
const PREFIX = "somebody";
/** As many as the balancer has (src/lb/entry.ts). */
const OPAQUE_THREADS = Math.min(4, availableParallelism());
const PLACEMENTS_PER_SECOND = 100;
const REST_MS = 5_000;

async function measureLogins(options: LoginOptions): Promise<void> {
  const databases = await lendIfNamed(options);
  try {
    const report = await measureAll(options, databaseSettings(databases));
    console.log(options.json ? JSON.stringify(report) : linesOf(report));
  } finally {
    await databases?.close();
  }
}

async function measureAll(
  options: LoginOptions,
  database: Readonly<Record<string, string>>,
): Promise<LoginReport> {
  const { seconds, rounds, logins, connections, requests } = options;
  /** As many as log in at once: one account's logins wait for each other, and end its oldest sessions. */
  const accounts = Math.max(logins, options.rush);
  const loadAverage = loadavg()[0] ?? 0;
  const progress = (text: string): void => {
    if (!options.json) console.error(text);
  };
  progress(`starting a system and signing ${accounts} people up`);
  const cpu = new SystemCpu();
  const system = await WatchedSystem.start({ ...LABORATORY, ...database }, (message) => {
    if (message.type === "process") cpu.told(message.cpuMicros / 1000);
  });
  const ways = new Connections(system.address);
  const alone = new OpaqueAlone(OPAQUE_THREADS);
  try {
    await ready;
    const people = await signUpMany(ways.http(), PREFIX, accounts);
    const token = people[0]?.token ?? "";
    const names = people.map((_, at) => nameOf(at));
    const { address } = system;

    progress("asking for places, and for cards");
    const placement = await measureRate(address, "POST", PATHS.place, token, seconds);
    const card = await measureRate(address, "GET", PATHS.cardOf(nameOf(1)), token, seconds);

    progress("letting the system rest");
    await cpu.rest(REST_MS);
    const through = await Logins.open(address, names, connections);
    const sides: { service: RoundOfLogins[]; alone: RoundOfLogins[] } = { service: [], alone: [] };
    // The first of each warms up.
    for (let round = 0; round <= rounds; round++) {
      // In turns, so that what else the machine does falls on both.
      const one = await through.round(logins, () => cpu.beyondRest());
      const other = await alone.round(logins);
      if (round === 0) continue;
      sides.service.push(one);
      sides.alone.push(other);
      progress(
        `round ${round} of ${rounds}: ${figuresOf([one]).perSecond.toFixed(0)} logins/s, OPAQUE alone ${figuresOf([other]).perSecond.toFixed(0)}`,
      );
    }
    through.close();

    progress(`${options.rush} people log in at once, ${options.rushes} times`);
    const placements = await Placements.start({ address, token, perSecond: PLACEMENTS_PER_SECOND });
    await placements.times();
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const rest = new Times();
    for (const time of await placements.times()) rest.recordMs(time);
    const atRest = rest.percentiles();
    const rushed = await rush(address, names.slice(0, options.rush), options.rushes, placements);
    await placements.stop();

    progress("asking for a known and an unknown name, in turns");
    const known = nameOf(10);
    const compared = { known, unknown: known.replace(PREFIX, "nobodies") };
    const named = await compareNames(address, compared, { rounds, requests });

    const [service, opaqueAlone] = [figuresOf(sides.service), figuresOf(sides.alone)];
    return {
      run: { logins, rounds, connections, opaqueThreads: OPAQUE_THREADS, node: process.version, loadAverage },
      placement,
      card,
      service,
      opaqueAlone,
      ratio: service.perSecond / opaqueAlone.perSecond,
      cpuRatio: opaqueAlone.cpuMicros / service.cpuMicros,
      clientMicros:
        (1000 * sides.service.reduce((sum, { clientMs }) => sum + clientMs, 0)) / (logins * rounds),
      rush: rushed,
      atRest: { p50Ms: atRest.p50, p99Ms: atRest.p99 },
      names: named,
    };
  } finally {
    ways.close();
    await alone.close();
    await system.stop();
  }
}

function nameOf(number: number): UserName {
  const name = parseUserName(`${PREFIX}-${number}`);
  if (name === null) throw new Error("no name of the bench's is one");
  return name;
}
