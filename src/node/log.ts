/**
 * Structured logs. Every thread writes one JSON object a line to its standard output; the main thread shows them, as
 * they are or as lines for people (src/supervisor/screen.ts), so that form is decided in one place.
 */
import { pino } from "pino";
import type { Log } from "../protocol/runtime.js";
import { withoutCredentials } from "./credentials.js";

export interface LogOptions {
  readonly level: "debug" | "info" | "warn" | "error";
}

/** Fields that would be a secret if one slipped in; nobody should pass them, and nobody reads them if somebody does. */
const SECRETS = [
  "password",
  "token",
  "ticket",
  "voucher",
  "secret",
  "key",
  "privateKey",
  "grantKey",
  "opaqueSetup",
  "exportKey",
  "authorization",
  "cookie",
];

/**
 * Makes a log.
 *
 * @param bindings stand in every line, as `{ thread: "chat-1" }`
 * @param write takes each line with its end; standard output if not given
 */
export function createLog(options: LogOptions, bindings: object, write?: (line: string) => void): Log {
  const logger = pino(
    {
      level: options.level,
      base: { ...bindings },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: "[redacted]" },
      serializers: { error: describeError, err: describeError },
    },
    // The stream of this thread, not the file descriptor: a worker's lines go through the main thread, which may be
    // drawing a table on the terminal.
    { write: write ?? ((line) => void process.stdout.write(line)) },
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}

/** What a log keeps of an error: other fields may carry data, as a database's `detail` does. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return withoutCredentials(String(error));
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    message: withoutCredentials(error.message),
    ...(error.stack === undefined ? {} : { stack: withoutCredentials(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
