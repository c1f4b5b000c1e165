/** What is remembered of the engine's work, to say in one sentence why it stopped. */
import { FastChatError, type ErrorCode } from "../../protocol/errors.js";

/** Lines of the engine's log that are kept. */
const KEPT_LINES = 20;

/** How a line of the log begins in which PostgreSQL gives up. */
const DYING = /^.*?\b(PANIC|FATAL):\s*/;

export class EngineJournal {
  #lines: string[] = [];
  #noSpace = false;
  #noPermission = false;

  constructor(private readonly folder: string) {}

  /** A line of the server's log. */
  add(line: string): boolean {
    this.#lines.push(line.slice(0, 500));
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    return false;
  }

  /** What was refused before has had its consequences. */
  begin(): void {
    this.#noSpace = false;
    this.#noPermission = false;
  }

  refused(code: string): void {
    if (code === "ENOSPC" || code === "EDQUOT") this.#noSpace = true;
    if (code === "EACCES" || code === "EPERM" || code === "EROFS") this.#noPermission = true;
  }

  /**
   * @param code what it is if PostgreSQL gave a reason of its own
   * @param what completes "The database …"
   */
  failure(code: "dataDamaged" | "internal", what: string, cause: unknown): FastChatError {
    const { folder } = this;
    if (this.#noSpace)
      return failed("diskFull", `There is no space left for the database in ${folder}.`, cause);
    if (this.#noPermission)
      return failed("badConfig", `The database's folder ${folder} cannot be written.`, cause);
    const last = this.#lines.findLast((line) => DYING.test(line));
    if (last === undefined) return failed("internal", `The database in ${folder} ${what}.`, cause);
    return failed(code, `The database in ${folder} ${what}: ${last.replace(DYING, "")}.`, cause);
  }
}

function failed(code: ErrorCode, message: string, cause: unknown): FastChatError {
  return new FastChatError(code, message, undefined, { cause });
}
