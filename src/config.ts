/** The configuration: config/globals.json, overridden by `FASTCHAT_*` variables, overridden by flags. Read once, validated, frozen. */
import { readFileSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import Type, { type Static, type TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { FastChatError } from "./protocol/errors.js";

const Port = Type.Integer({ minimum: 0, maximum: 65535 });
const Count = Type.Integer({ minimum: 1, maximum: 2 ** 31 });
const Ms = Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 });
const Bytes = Type.Integer({ minimum: 1024, maximum: 2 ** 30 });
const Host = Type.String({ minLength: 1, maxLength: 255 });
const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const Postgres = Type.String({ pattern: "^postgres(ql)?://.+" });

/** Names of the placement strategies that come with FastChat; anything else is a path to a module of one's own. */
const strict = { additionalProperties: false };

/** Units stand in the names: `…Ms` milliseconds, `…Bytes` bytes, `…KiB` kibibytes; the rest are counts. */
export const ConfigSchema = Type.Object(
  {
    servers: Type.Integer({ minimum: 1, maximum: 64 }),
    host: Host,
    publicHost: nullable(Host),
    port: Port,
    archivePort: nullable(Port),
    serverPorts: nullable(Type.Array(Port, { minItems: 1, maxItems: 64 })),
    dataDir: Type.String({ minLength: 1 }),
    database: nullable(Postgres),
    archiveDatabase: nullable(Postgres),
    strategy: Type.String({ minLength: 1, maxLength: 4096 }),
    log: Type.Object(
      {
        format: Type.Union([Type.Literal("pretty"), Type.Literal("json")]),
        level: Type.Union([
          Type.Literal("debug"),
          Type.Literal("info"),
          Type.Literal("warn"),
          Type.Literal("error"),
        ]),
      },
      strict,
    ),
    certificate: Type.Object(
      { certFile: nullable(Type.String({ minLength: 1 })), keyFile: nullable(Type.String({ minLength: 1 })) },
      strict,
    ),
    password: Type.Object(
      {
        iterations: Type.Integer({ minimum: 1, maximum: 64 }),
        memoryKiB: Type.Integer({ minimum: 8, maximum: 4 * 1024 * 1024 }),
        parallelism: Type.Integer({ minimum: 1, maximum: 16 }),
      },
      strict,
    ),
    limits: Type.Object(
      {
        maxFrameBytes: Bytes,
        maxRecipients: Type.Integer({ minimum: 1, maximum: 65535 }),
        maxControlBytes: Bytes,
        connectionsPerServer: Count,
        sendWindow: Count,
        sendWindowBytes: Bytes,
        unsettledBytes: Bytes,
        framesPerSecond: Count,
        socketBufferBytes: Bytes,
        linkWindowBytes: Bytes,
        catchUpWindow: Count,
        heldPerMailbox: Count,
        heldBytesPerMailbox: Bytes,
        pendingPerAccount: Count,
        idleMailboxes: Count,
        writeBatchRows: Type.Integer({ minimum: 1, maximum: 4096 }),
        writeBatchBytes: Bytes,
        archiveFrameBytes: Bytes,
        archiveEntriesPerArchive: Count,
        httpBodyBytes: Bytes,
        requestsPerMinutePerAddress: Count,
        loginsPerMinutePerAddress: Count,
        loginsPerMinutePerAccount: Count,
        registrationsPerMinutePerAddress: Count,
        vouchersPerDayPerAccount: Count,
        pendingLogins: Count,
        sessionsPerAccount: Count,
      },
      strict,
    ),
    timeouts: Type.Object(
      {
        helloMs: Ms,
        idleMs: Ms,
        ackMs: Ms,
        ticketMs: Ms,
        voucherMs: Ms,
        loginMs: Ms,
        prepareMs: Ms,
        heartbeatMs: Ms,
        hungMs: Ms,
        stopMs: Ms,
        databaseMs: Ms,
        restartMinMs: Ms,
        restartMaxMs: Ms,
        reportMs: Ms,
        sweepMs: Ms,
        checkpointMs: Ms,
        idleTransactionMs: Ms,
      },
      strict,
    ),
  },
  strict,
);

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;
export type Config = DeepReadonly<Static<typeof ConfigSchema>>;
export type Limits = Config["limits"];
export type Timeouts = Config["timeouts"];

const validator = Compile(ConfigSchema);

/** A value that comes from outside the file: the text of a variable or flag, and where it was found. */
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
 * @param file path of the JSON file
 * @param overrides applied in order, later ones over earlier ones
 * @param base folder that a relative `dataDir` and certificate paths start from
 * @throws FastChatError `badConfig` naming key, value and what would be right
 */
export function readConfig(file: string, overrides: readonly Override[], base: string): Config {
  const config = readJson(file);
  const sources = new Map<string, string>();
  for (const { key, value, source } of overrides) {
    assign(config, key, value, source);
    sources.set(key, source);
  }
  if (!validator.Check(config)) {
    const [first] = validator.Errors(config);
    const key = (first?.instancePath ?? "").slice(1).replaceAll("/", ".");
    const extra = (first?.params as { additionalProperties?: string[] } | undefined)?.additionalProperties;
    if (extra) {
      const unknown = [key, extra[0]].filter(Boolean).join(".");
      throw new FastChatError(
        "badConfig",
        `${file}: there is no setting "${unknown}"; remove or correct it.`,
      );
    }
    const value = key === "" ? undefined : lookUp(config, key);
    const source = sources.get(key) ?? file;
    throw new FastChatError(
      "badConfig",
      `${source}: ${key || "the file"} is ${JSON.stringify(value) ?? "missing"}; it ${first?.message ?? "is not right"}.`,
    );
  }
  checkTogether(config, file);
  config.dataDir = absolute(config.dataDir, base);
  const { certificate } = config;
  if (certificate.certFile !== null) certificate.certFile = absolute(certificate.certFile, base);
  if (certificate.keyFile !== null) certificate.keyFile = absolute(certificate.keyFile, base);
  return deepFreeze(config);
}

/** Overrides from variables: `FASTCHAT_LIMITS_SEND_WINDOW` is `limits.sendWindow`. */
export function environmentOverrides(env: Readonly<Record<string, string | undefined>>): Override[] {
  const overrides: Override[] = [];
  for (const key of settingKeys(ConfigSchema as unknown as ObjectSchema)) {
    const source = `FASTCHAT_${key
      .replaceAll(/[A-Z]/g, (letter) => `_${letter}`)
      .replaceAll(".", "_")
      .toUpperCase()}`;
    const text = env[source];
    if (text !== undefined && text !== "") overrides.push({ key, value: fromText(text), source });
  }
  return overrides;
}

/** What a text stands for: JSON where it is a number, `null` or an array; itself otherwise. */
export function fromText(text: string): unknown {
  return /^(null|-?\d+(\.\d+)?|\[.*\])$/.test(text) ? (JSON.parse(text) as unknown) : text;
}

interface ObjectSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, ObjectSchema>>;
}

function settingKeys(schema: ObjectSchema, prefix = ""): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) =>
    inner.properties === undefined ? [prefix + key] : settingKeys(inner, `${prefix}${key}.`),
  );
}

function readJson(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new FastChatError("badConfig", `${file} cannot be read.`, undefined, { cause });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "";
    throw new FastChatError("badConfig", `${file} is not JSON: ${reason}`, undefined, { cause });
  }
  throw new FastChatError("badConfig", `${file} must hold one JSON object.`);
}

function assign(config: Record<string, unknown>, key: string, value: unknown, source: string): void {
  const path = key.split(".");
  const last = path.pop() as string;
  let target = config;
  for (const step of path) {
    const next = target[step];
    if (typeof next !== "object" || next === null) {
      throw new FastChatError("badConfig", `${source}: there is no setting "${key}".`);
    }
    target = next as Record<string, unknown>;
  }
  target[last] = value;
}

function lookUp(config: unknown, key: string): unknown {
  return key
    .split(".")
    .reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], config);
}

/** Rules over more than one setting. */
function checkTogether(config: Config, file: string): void {
  const { serverPorts, servers, certificate, limits, timeouts } = config;
  const wrong = (message: string) => new FastChatError("badConfig", `${file}: ${message}`);
  if (serverPorts !== null && serverPorts.length !== servers) {
    throw wrong(
      `serverPorts names ${serverPorts.length} ports for ${servers} servers; name one for each, or null.`,
    );
  }
  if ((certificate.certFile === null) !== (certificate.keyFile === null)) {
    throw wrong("certificate needs both certFile and keyFile, or neither.");
  }
  if (limits.sendWindowBytes < limits.maxFrameBytes) {
    throw wrong(`limits.sendWindowBytes must be at least limits.maxFrameBytes (${limits.maxFrameBytes}).`);
  }
  if (timeouts.restartMinMs > timeouts.restartMaxMs) {
    throw wrong("timeouts.restartMinMs must not be more than timeouts.restartMaxMs.");
  }
  if ((config.database === null) !== (config.archiveDatabase === null)) {
    throw wrong(
      "database and archiveDatabase go together: give both PostgreSQL addresses (two databases, or two roles), or neither.",
    );
  }
  if (config.port !== 0 && config.port + 1 + servers > 65535) {
    throw wrong(
      `port ${config.port} leaves no room for the ports of the archive and ${servers} servers after it.`,
    );
  }
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
