/** Numbers that people give as options. */
import { FastChatError } from "../../protocol/errors.js";

/** Some three weeks in seconds, and the longest that a timer runs in milliseconds. */
const MOST = 2_000_000;

/** @throws FastChatError `badRequest` */
export function positiveNumber(option: string, value: number): number {
  if (value > 0 && value <= MOST) return value;
  throw new FastChatError("badRequest", `${option} takes a number above 0, at most ${MOST}.`);
}

/** @throws FastChatError `badRequest` */
export function wholeNumber(option: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new FastChatError("badRequest", `${option} takes a whole number, ${least} or more.`);
}
