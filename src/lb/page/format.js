/** Figures and times for people. */

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const ONE = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** @param {number} value */
export function whole(value) {
  return WHOLE.format(value);
}

/** A rate: small ones with a digit behind the point. @param {number} value */
export function rate(value) {
  return value < 10 ? ONE.format(value) : WHOLE.format(value);
}

/** @param {number} value bytes */
export function bytes(value) {
  const units = ["B", "kB", "MB", "GB"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${scaled < 100 && unit > 0 ? ONE.format(scaled) : WHOLE.format(scaled)} ${units[unit]}`;
}

/** @param {number} value */
export function milliseconds(value) {
  return `${value < 10 ? ONE.format(value) : WHOLE.format(value)} ms`;
}

/** Jain's index. Its last digits are what matters; but 1 is only what is 1. @param {number} value */
export function index(value) {
  return value === 1 ? "1" : Math.min(value, 0.9999).toFixed(value > 0.99 ? 4 : 3);
}

/** @param {number} at milliseconds since 1970 */
export function clockTime(at) {
  return CLOCK.format(at);
}

/** @param {number} ms how long ago */
export function ago(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  return `${Math.round(seconds / 60)} min ago`;
}
