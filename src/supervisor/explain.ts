/** What a person is told of a failure: one line, with what can be done about it, and never a stack trace. */
import { withoutCredentials } from "../node/credentials.js";
import { systemCode } from "../node/private-file.js";
import { ERRORS, FastChatError, type ErrorRecord } from "../protocol/errors.js";

/** The record of a failure, its text fit for a person even where the failure is a defect. */
export function recordOf(error: unknown): ErrorRecord {
  if (error instanceof FastChatError) return error.toRecord();
  const text = error instanceof Error ? error.message : String(error);
  if (systemCode(error) === "ENOSPC")
    return { code: "diskFull", message: "There is no space left on the disk." };
  return { code: "internal", message: `Something unexpected went wrong: ${firstLine(text)}.` };
}

/** A line for standard error. */
export function explain({ code, message }: ErrorRecord): string {
  const told = `fastchat-system: ${withoutCredentials(firstLine(message))}`;
  // These messages themselves say what would be right.
  return code === "badConfig" || code === "badRequest" ? told : `${told} ${ERRORS[code].advice}`;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
