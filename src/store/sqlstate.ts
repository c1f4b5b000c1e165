/** What a failure's code says: five-character SQLSTATEs (PostgreSQL manual, appendix A), or a system error code. */

/** SQLSTATE of a full disk. */
export const DISK_FULL = "53100";
/** SQLSTATE of a statement in a transaction that a failed statement has ended. */
export const IN_FAILED_TRANSACTION = "25P02";
/** SQLSTATE of a statement that was ended, as for taking too long. */
const QUERY_CANCELED = "57014";
/** SQLSTATE of a row that points to one which is not there. */
export const FOREIGN_KEY_VIOLATION = "23503";

/** No class of SQLSTATEs starts with an E, while system error codes as EPIPE do. */
export function isSqlState(code: unknown): code is string {
  return typeof code === "string" && /^[0-9A-DF-Z][0-9A-Z]{4}$/.test(code);
}

/**
 * Whether what is worth another try failed because the database could not be reached or does not serve, and not because
 * this one statement met another, took too long or asked for too much.
 */
export function isAway(code: string): boolean {
  return !isSqlState(code) || (/^(08|28|3D|53|57|58)/.test(code) && code !== QUERY_CANCELED);
}

/**
 * Sorts a code by what helps, as StoreError says.
 *
 * Worth another try are 08 connection, 25 transaction state, 28 and 3D while access is being arranged, 40 conflict,
 * 53 resources, 55 not ready, 57 operator, 58 system, XX internal, and whatever a socket says: the statement may
 * succeed on another connection or later. Classes 22 and 23 refuse the data, all others the statement.
 */
export function failureKind(code: string): "retry" | "rejected" | "defect" {
  if (!isSqlState(code)) return "retry";
  if (/^(22|23)/.test(code)) return "rejected";
  // A message that breaks the wire protocol is of class 08, yet no other connection would take it.
  if (code === "08P01") return "defect";
  return /^(08|25|28|3D|40|53|55|57|58|XX)/.test(code) ? "retry" : "defect";
}
