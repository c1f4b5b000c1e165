/**
 * Text of others, made harmless for a terminal. A message, a name or an error of the service may hold escape sequences
 * that would move the cursor, change the title or fake whole lines, and bidirectional overrides that show text in
 * another order than it has.
 */

/** Controls (C0, DEL, C1), line and paragraph separators, and the bidirectional embeddings, overrides and isolates. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

/** One line: every control is shown as a picture or an escape, line breaks too. */
export function printableLine(text: string): string {
  return text.toWellFormed().replace(UNSAFE, picture);
}

/** Several lines: every line after the first is indented, so that none can pass for a message of its own. */
export function printableText(text: string, indent: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => line.split("\t").map(printableLine).join("\t"))
    .join(`\n${indent}`);
}

/** One line of JSON that is safe to show: what a terminal may obey is escaped, and a reader gets it back as it was. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, escaped);
}

function picture(char: string): string {
  const code = char.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? "\u2421" : escaped(char);
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
