/**
 * Every failure that crosses a boundary (wire, HTTP, thread, command line) has a code from this table.
 * `http` is the status the balancer answers with, `exit` the exit code of the command line, `advice` what a person
 * can do about it. docs/PROTOCOL.md lists the table.
 */
export const ERRORS = {
  badRequest: { http: 400, exit: 2, advice: "Correct the request as the message says." },
  badName: { http: 400, exit: 2, advice: "Use 3 to 32 of a-z, 0-9, dot, underscore and hyphen." },
  badFrame: {
    http: 400,
    exit: 5,
    advice: "The peer does not speak this protocol; check address and version.",
  },
  badVersion: { http: 400, exit: 5, advice: "Update the older of client and service." },
  loginFailed: { http: 401, exit: 3, advice: "Check name and password." },
  notSignedIn: { http: 401, exit: 3, advice: "Log in: fastchat login NAME." },
  notOperator: {
    http: 401,
    exit: 3,
    advice: "Operators show the token that stands in DIR/operator-token; name the folder with --data.",
  },
  badTicket: {
    http: 401,
    exit: 4,
    advice: "Ask the balancer for a new ticket; clients do so by themselves.",
  },
  badVoucher: {
    http: 401,
    exit: 4,
    advice: "Ask the balancer for a new voucher; clients do so by themselves.",
  },
  suspended: { http: 403, exit: 4, advice: "Ask whoever runs the service." },
  registrationClosed: {
    http: 403,
    exit: 4,
    advice: "Ask whoever runs the service for an account, or for an invite to register with.",
  },
  badInvite: { http: 403, exit: 4, advice: "Ask whoever gave it to you for another one." },
  forbidden: { http: 403, exit: 4, advice: "This account may not do that." },
  noSuchAccount: { http: 404, exit: 4, advice: "Check the name." },
  noSuchServer: { http: 404, exit: 4, advice: "Check the id: fastchat-system status lists the servers." },
  noSuchArchive: {
    http: 404,
    exit: 4,
    advice: "The archive was not created yet; clients create it by themselves.",
  },
  noSuchFile: {
    http: 404,
    exit: 4,
    advice: "Files are kept for some days only; ask its sender to send it again.",
  },
  noSuchGroup: { http: 404, exit: 4, advice: "Check its title or id: fastchat group list shows yours." },
  noSuchMessage: { http: 404, exit: 4, advice: "Check the id." },
  nameTaken: { http: 409, exit: 4, advice: "Choose another name." },
  conflict: { http: 409, exit: 4, advice: "Look at how it is now, and try again." },
  tooLarge: { http: 413, exit: 2, advice: "Send less at a time." },
  queueFull: {
    http: 429,
    exit: 4,
    advice: "The recipient has too many unread messages waiting; try again later.",
  },
  quotaExceeded: { http: 429, exit: 4, advice: "The archive is full; delete or export old messages." },
  tooMany: { http: 429, exit: 6, advice: "Wait a little and try again." },
  unavailable: { http: 503, exit: 6, advice: "A part of the service is away for a moment; try again." },
  timeout: {
    http: 504,
    exit: 6,
    advice: "Check that the service runs and can be reached, or wait longer.",
  },
  unreachable: { http: 502, exit: 6, advice: "Check the address and that the service runs." },
  pinMismatch: {
    http: 495,
    exit: 7,
    advice: "The server's key is not the one you know. Do not go on unless you know why.",
  },
  keyChanged: {
    http: 409,
    exit: 7,
    advice: "A contact's identity key is not the one pinned. Compare safety numbers.",
  },
  undecryptable: { http: 400, exit: 7, advice: "The data is damaged, forged or meant for somebody else." },
  badConfig: { http: 500, exit: 2, advice: "Correct the value that the message names." },
  portInUse: {
    http: 500,
    exit: 8,
    advice: "Choose another port with --port, or stop the program that has it.",
  },
  dataInUse: { http: 500, exit: 8, advice: "Stop the other process, or choose another folder with --data." },
  dataNewer: { http: 500, exit: 8, advice: "Start the newer version of FastChat that wrote this data." },
  dataDamaged: {
    http: 500,
    exit: 8,
    advice: "Restore the folder from a backup, or move it away to start with an empty one.",
  },
  backupDamaged: {
    http: 500,
    exit: 8,
    advice: "Use another backup.",
  },
  diskFull: { http: 507, exit: 8, advice: "Free some space; nothing that was acknowledged is lost." },
  databaseUnreachable: { http: 503, exit: 8, advice: "Check the database address and that the server runs." },
  internal: { http: 500, exit: 1, advice: "This is a defect; please report it with the log." },
} as const satisfies Record<string, { http: number; exit: number; advice: string }>;

/** A stable error code, a key of {@link ERRORS}. */
export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === "string" && Object.hasOwn(ERRORS, text);
}

/** What is left of an error once it crosses a thread or the wire: a class does not survive either. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
}

/** The one error class of the project. */
export class FastChatError extends Error {
  override readonly name = "FastChatError";

  /**
   * @param code one of {@link ERRORS}
   * @param message what went wrong, naming the value at fault; never a secret
   * @param retryAfterMs how long to wait before another try, where the peer said so
   */
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly retryAfterMs?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  toRecord(): ErrorRecord {
    return { code: this.code, message: this.message };
  }
}

/** The record of any thrown value; what is not ours becomes `internal`, its text kept for the log only by the caller. */
export function errorRecord(error: unknown): ErrorRecord {
  if (error instanceof FastChatError) return error.toRecord();
  return { code: "internal", message: "Something unexpected went wrong." };
}
