/** The command line of `system`: flags, variables and files become one configuration. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import yargs from "yargs";
import {
  environmentOverrides,
  fileOverrides,
  readConfig,
  textOverride,
  type Config,
  type Override,
} from "../config.js";
import { FastChatError } from "../protocol/errors.js";

/** The package's own folder, seen from dist/src/supervisor. */
const PACKAGE = new URL("../../../", import.meta.url);

/** The settings that come with FastChat. */
export const DEFAULTS_FILE = fileURLToPath(new URL("config/globals.json", PACKAGE));

interface Flag {
  readonly key: string;
  /** What counts if neither file nor variable says otherwise. */
  readonly default: string;
  readonly group: "What runs" | "Where it listens" | "Where it keeps what" | "What it shows";
  readonly describe: string;
}

const FLAGS: Readonly<Record<string, Flag>> = {
  servers: {
    key: "servers",
    default: "3",
    group: "What runs",
    describe: "chat servers, each a thread of its own",
  },
  strategy: {
    key: "strategy",
    default: "least-busy",
    group: "What runs",
    describe:
      "how the balancer chooses a server: least-busy, least-connections, power-of-two-choices, round-robin, random, bounded-consistent-hash, or the path of a module",
  },
  registration: {
    key: "registration",
    default: "open",
    group: "What runs",
    describe: "who may make an account: open (anybody), invite (whoever was given a code), closed (nobody)",
  },
  port: {
    key: "port",
    default: "7440",
    group: "Where it listens",
    describe:
      "port of the balancer; the archive takes P+1 and the chat servers the ones after it. 0: any free ones",
  },
  host: {
    key: "host",
    default: "127.0.0.1",
    group: "Where it listens",
    describe: "interface to listen on (127.0.0.1: this machine only; 0.0.0.0: all)",
  },
  "public-host": {
    key: "publicHost",
    default: "that of --host",
    group: "Where it listens",
    describe: "name or address that clients are told",
  },
  data: {
    key: "dataDir",
    default: "./data",
    group: "Where it keeps what",
    describe: "folder of keys, certificate and embedded databases; belongs into every backup",
  },
  database: {
    key: "database",
    default: "an embedded one in the data folder",
    group: "Where it keeps what",
    describe: "PostgreSQL database of the service, postgres://user:password@host:5432/name",
  },
  "archive-database": {
    key: "archiveDatabase",
    default: "an embedded one",
    group: "Where it keeps what",
    describe: "PostgreSQL database of the archives, another one than --database; the two go together",
  },
  log: {
    key: "log.format",
    default: "pretty",
    group: "What it shows",
    describe: "pretty (on a terminal with a live table of the threads) or json (one object a line)",
  },
};

/**
 * Reads the configuration of a command line.
 *
 * @param args without program and script
 * @param folder that relative paths start from
 * @returns `null` where the command line asked for something else, which was printed: help or version
 * @throws FastChatError `badRequest` for a command line, `badConfig` for a value that is not right
 */
export async function configOf(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
): Promise<Config | null> {
  const given = await parse(args);
  if (given === null) return null;
  const text = (name: string): string | null => {
    const value = given[name];
    if (value === undefined) return null;
    if (typeof value === "string") return value;
    throw new FastChatError("badRequest", `--${name} is given more than once.`);
  };
  const file = text("config") ?? env["FASTCHAT_CONFIG"];
  const flags = Object.entries(FLAGS).flatMap(([name, { key }]): Override[] => {
    const value = text(name);
    return value === null ? [] : [textOverride(key, value, `--${name}`)];
  });
  return readConfig(
    DEFAULTS_FILE,
    [
      ...(file === undefined || file === "" ? [] : fileOverrides(file)),
      ...environmentOverrides(env),
      ...flags,
    ],
    folder,
  );
}

async function parse(args: readonly string[]): Promise<Record<string, unknown> | null> {
  let parser = yargs([...args])
    .scriptName("fastchat-system")
    .usage(
      "$0 [options]\n$0 COMMAND [options]\n\n" +
        "Runs a FastChat service: balancer, chat servers, archive and their databases. With a command it looks after " +
        "one: status, scale, drain, resume, rebalance, users, suspend, invite, backup, restore; COMMAND --help says more.",
    )
    .strict()
    .parserConfiguration({
      "camel-case-expansion": false,
      "boolean-negation": false,
      // The setting decides what a text stands for.
      "parse-numbers": false,
    })
    .version(version())
    .help()
    .alias({ help: "h", version: "V" })
    .demandCommand(0, 0, undefined, "Only options are taken")
    .exitProcess(false)
    .example("$0", "chat on this machine, at port 7440")
    .example("$0 --host 0.0.0.0 --public-host chat.example.org", "for all who can reach it")
    .example("$0 --port 0 --data /tmp/try --log json", "to be started by a script")
    .epilogue(
      [
        "Every setting of config/globals.json can be given as a variable: FASTCHAT_SERVERS=5,",
        "FASTCHAT_LIMITS_SEND_WINDOW=512; FASTCHAT_DATA and FASTCHAT_LOG are short for the folder and the",
        "format. A flag wins over a variable, a variable over --config, and that over config/globals.json.",
        "Passwords are better kept in variables: other users of the machine can see flags.",
        "",
        "Once everything is ready the address for clients is printed, and stands in DIR/address until the",
        "service stops. Ctrl-C stops it in order; a second one ends it at once.",
        "",
        "Exit codes: 0 stopped as asked, 1 a defect, 2 a wrong flag, setting or file, 6 a part was not ready in",
        "time, 8 a port or the data folder is in use, the disk is full, a database cannot be reached, or the",
        "data is damaged or of a newer version, 128 + signal ended by a second signal.",
      ].join("\n"),
    )
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .fail((message: string | null, error: Error | undefined) => {
      throw new FastChatError("badRequest", `${(message ?? error?.message ?? "").trim()}. See --help.`);
    });
  for (const [name, { default: defaultDescription, group, describe }] of Object.entries(FLAGS)) {
    parser = parser.option(name, { requiresArg: true, group, describe, defaultDescription });
  }
  parser = parser
    .option("config", {
      requiresArg: true,
      group: "Where it keeps what",
      describe: "JSON file of settings like config/globals.json; what it leaves out is taken from there",
    })
    .group(["help", "version"], "Help");
  const given = (await parser.parse()) as Record<string, unknown>;
  return given["help"] === true || given["version"] === true ? null : given;
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL("package.json", PACKAGE), "utf8")) as {
    version: string;
  };
  return version;
}
