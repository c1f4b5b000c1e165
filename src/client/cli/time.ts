/** Times as people type them. */
import { FastChatError } from "../../protocol/errors.js";

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const DAY_AND_TIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?$/;

/**
 * A day, `2026-01-31`, or a day and time, `2026-01-31 17:05` or as ISO 8601; in this machine's zone unless it names one.
 *
 * @returns milliseconds since 1970
 * @throws FastChatError `badRequest`
 */
export function requireTime(option: string, text: string): number {
  const [, day, time, zone = ""] = DAY_AND_TIME.exec(text) ?? [];
  // A day alone is UTC to Date, and a day with a time is local: both shall be local.
  const at = DAY.test(text)
    ? new Date(`${text}T00:00`)
    : new Date(day === undefined ? Number.NaN : `${day}T${time}${zone}`);
  if (!Number.isNaN(at.getTime())) return at.getTime();
  throw new FastChatError(
    "badRequest",
    `${option} takes a day or a time, as 2026-01-31 or "2026-01-31 17:05"; "${text.slice(0, 40)}" is none.`,
  );
}
