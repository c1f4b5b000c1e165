/** How a command ends that did not succeed: a sentence for a person or an object for a program, and an exit code. */
import { errorRecord, ERRORS, FastChatError } from "../../protocol/errors.js";
import type { Output } from "./output.js";
import { printableJson, printableLine } from "./printable.js";

/** Ended by Ctrl-C or by a signal. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";

  /** @param exitCode 128 and the signal's number, as shells have it */
  constructor(readonly exitCode: number) {
    super("Interrupted.");
  }
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
  else output.failure(`${printableLine(message)} ${advice}${wait}`);
  if (debug) output.note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return exit;
}
