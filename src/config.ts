/** The configuration: config/globals.json, overridden by `FASTCHAT_*` variables, overridden by flags. Read once, validated, frozen. */
import { readFileSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import type { TSchema } from "#typebox";
import { Compile } from "#typebox/compile";
import { Check } from "#typebox/value";
import { checkTogether } from "./config-rules.js";
import { ConfigSchema, type Config } from "./config-schema.js";
import { assign, describe, fromText, isObject, lookUp, refuseUnknown, SETTINGS } from "./config-settings.js";
import { withoutCredentials } from "./node/credentials.js";
import { FastChatError } from "./protocol/errors.js";

export type { Config, Limits, Timeouts } from "./config-schema.js";

const validator = Compile(ConfigSchema);

/** A value that comes from outside the file, and where it was found. */
export interface Override {
  /** As in the file, with dots: `limits.sendWindow`. */
  readonly key: string;
  readonly value: unknown;
  /** Named in errors: `--port`, `FASTCHAT_PORT`. */
  readonly source: string;
}

/**
 * Reads and validates the configuration.
 *
 * @param file path of the JSON file, which must hold every setting
 * @param overrides applied in order, later ones over earlier ones
 * @param base folder that a relative `dataDir` and certificate paths start from
 * @throws FastChatError `badConfig` naming key, value and what would be right
 */
export function readConfig(file: string, overrides: readonly Override[], base: string): Config {
  const config: unknown = readJson(file);
  const sources = new Map<string, string>();
  for (const { key, value, source } of overrides) {
    assign(config, key, value, source);
    sources.set(key, source);
  }
  const sourceOf = (...keys: string[]) => keys.map((key) => sources.get(key)).find(Boolean) ?? file;
  refuseUnknown(config, file);
  for (const [key, schema] of SETTINGS) {
    const value = lookUp(config, key);
    if (value !== undefined && Check(schema as TSchema, value)) continue;
    const shown = value === undefined ? "missing" : withoutCredentials(JSON.stringify(value));
    throw new FastChatError(
      "badConfig",
      `${sourceOf(key)}: ${key} is ${shown}; it must be ${describe(schema)}.`,
    );
  }
  if (!validator.Check(config)) throw new FastChatError("badConfig", `${file} is not of its form.`);
  checkTogether(config, sourceOf);
  config.dataDir = absolute(config.dataDir, base);
  const { certificate } = config;
  if (certificate.certFile !== null) certificate.certFile = absolute(certificate.certFile, base);
  if (certificate.keyFile !== null) certificate.keyFile = absolute(certificate.keyFile, base);
  return deepFreeze(config);
}

/** Shorter names of variables for what people set most; each has the long name too. */
const SHORT_VARIABLES: readonly (readonly [variable: string, key: string])[] = [
  ["FASTCHAT_DATA", "dataDir"],
  ["FASTCHAT_LOG", "log.format"],
  ["FASTCHAT_CERT", "certificate.certFile"],
  ["FASTCHAT_KEY", "certificate.keyFile"],
];

/**
 * Overrides from variables: `FASTCHAT_LIMITS_SEND_WINDOW` is `limits.sendWindow`. An empty variable counts as unset.
 */
export function environmentOverrides(env: Readonly<Record<string, string | undefined>>): Override[] {
  const variables = [
    ...SHORT_VARIABLES,
    ...[...SETTINGS.keys()].map((key) => [variableOf(key), key] as const),
  ];
  return variables.flatMap(([source, key]) => {
    const text = env[source];
    return text === undefined || text === "" ? [] : [textOverride(key, text, source)];
  });
}

/**
 * Overrides from a JSON file of the same form as the configuration's, which may leave out whatever it likes.
 *
 * @throws FastChatError `badConfig`
 */
export function fileOverrides(file: string): Override[] {
  const flatten = (value: unknown, prefix: string): Override[] =>
    isObject(value)
      ? Object.entries(value).flatMap(([key, inner]) =>
          flatten(inner, prefix === "" ? key : `${prefix}.${key}`),
        )
      : [{ key: prefix, value, source: file }];
  return flatten(readJson(file), "");
}

/** An override given as text: a number, a list or `null` where the setting takes one, else the text itself. */
export function textOverride(key: string, text: string, source: string): Override {
  const schema = SETTINGS.get(key);
  return { key, value: schema === undefined ? text : fromText(schema, text), source };
}

function variableOf(key: string): string {
  // A unit is one word: memoryKiB is MEMORY_KIB.
  const words = key.replace(/KiB$/, "Kib");
  const snake = words.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).replaceAll(".", "_");
  return `FASTCHAT_${snake.toUpperCase()}`;
}

function readJson(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : String(cause);
    throw new FastChatError("badConfig", `${file} cannot be read: ${reason}.`, undefined, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    // Only its first part: behind it the engine quotes the file, which may hold a password.
    const reason = cause instanceof Error ? cause.message.replace(/, (?:\.\.\.)?".*/s, "") : "";
    throw new FastChatError("badConfig", `${file} is not JSON: ${reason}.`);
  }
  if (!isObject(value)) throw new FastChatError("badConfig", `${file} must hold one JSON object.`);
  return value;
}

function absolute(path: string, base: string): string {
  return isAbsolute(path) ? path : resolve(base, path);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
