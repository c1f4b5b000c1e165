/** Where a service keeps what, for the commands that go to its folder and databases themselves. */
import type { Argv } from "yargs";
import { environmentOverrides, fileOverrides, readConfig, type Config, type Override } from "../config.js";
import { DEFAULTS_FILE } from "../supervisor/command-line.js";
import type { OperatorArguments } from "./command.js";

export interface StorageArguments extends OperatorArguments {
  readonly config?: string | undefined;
  readonly database?: string | undefined;
  readonly "archive-database"?: string | undefined;
}

export function storageOptions(yargs: Argv<OperatorArguments>): Argv<StorageArguments> {
  return yargs
    .option("database", {
      type: "string",
      requiresArg: true,
      describe: "PostgreSQL database of the service, as at the start (default: the embedded one)",
    })
    .option("archive-database", {
      type: "string",
      requiresArg: true,
      describe: "PostgreSQL database of the archives, likewise",
    })
    .option("config", {
      type: "string",
      requiresArg: true,
      describe: "JSON file of settings, as at the start",
    });
}

/**
 * The settings that a start with the same flags and variables has. What it creates from here on is its owner's alone, and
 * the variables of PostgreSQL's tools mean nothing, as at the start.
 *
 * @param env is emptied of what was read
 * @throws FastChatError `badConfig`
 */
export function storageConfig(argv: StorageArguments, env: Record<string, string | undefined>): Config {
  const file = argv.config ?? env["FASTCHAT_CONFIG"];
  const flags: readonly (readonly [key: string, flag: string, value: string | undefined])[] = [
    // Where nobody names one, it is that of the settings.
    ["dataDir", "--data", argv.data],
    ["database", "--database", argv.database],
    ["archiveDatabase", "--archive-database", argv["archive-database"]],
  ];
  const config = readConfig(
    DEFAULTS_FILE,
    [
      ...(file === undefined || file === "" ? [] : fileOverrides(file)),
      ...environmentOverrides(env),
      ...flags.flatMap(([key, source, value]): Override[] =>
        value === undefined ? [] : [{ key, value, source }],
      ),
    ],
    process.cwd(),
  );
  process.umask(0o077);
  for (const name of Object.keys(env)) if (name.startsWith("PG")) delete env[name];
  return config;
}
