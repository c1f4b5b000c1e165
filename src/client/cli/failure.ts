/** How a command ends that did not succeed: a sentence for a person or an object for a program, and an exit code. */
import { errorRecord, ERRORS, FastChatError, type ErrorCode } from "../../protocol/errors.js";
import type { Output } from "./output.js";
import { printableJson, printableLine } from "./printable.js";

/** Codes whose messages say what would be right: their advice would add nothing. */
const SAY_IT_THEMSELVES: ReadonlySet<ErrorCode> = new Set(["badRequest", "badConfig"]);

/** Ended by Ctrl-C or by a signal. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";

  /** @param exitCode 128 and the signal's number, as shells have it */
  constructor(readonly exitCode: number) {
    super("Interrupted.");
  }
}

/** Of arguments that are not right. @param message the parser's own, where it has one */
export function usageError(message: string | null): FastChatError {
  const line = (message ?? "")
    .replace(/\s+/g, " ")
    .trim()
    .replace(/^Not enough non-option arguments: .*$/, "An argument is missing");
  const sentence = /[.?!]$/.test(line) ? line : `${line || "The arguments are not right"}.`;
  return new FastChatError("badRequest", `${sentence} See --help.`);
}

/** @returns the exit code */
export function reportFailure(error: unknown, output: Output, debug: boolean): number {
  if (error instanceof Interrupted) return error.exitCode;
  // Whoever closed the pipe has what they wanted; what failed because of that is no news.
  if (output.closed) return 0;
  const { code, message } = errorRecord(error);
  const { advice, exit } = ERRORS[code];
  const waitMs = error instanceof FastChatError ? error.retryAfterMs : undefined;
  const wait = waitMs === undefined ? "" : ` Try again in ${Math.ceil(waitMs / 1000)} s.`;
  if (output.json) output.failureJson(printableJson({ error: { code, message, advice } }));
  else output.failure(`${printableLine(message)}${SAY_IT_THEMSELVES.has(code) ? "" : ` ${advice}`}${wait}`);
  if (debug) output.note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return exit;
}
