import t from "tap";
import { printableJson, printableLine, printableText } from "../../../src/client/cli/printable.js";

/** Whether a terminal would take anything in the text for a command, or show it in another order than it has. */
function isHarmless(text: string): boolean {
  return [...text].every((char) => {
    const code = char.codePointAt(0) ?? 0;
    const control = code < 0x20 || (code >= 0x7f && code <= 0x9f);
    const separator = code === 0x2028 || code === 0x2029;
    const direction = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return !control && !separator && !direction;
  });
}

t.test("no code point that a terminal obeys is left in a line", (t) => {
  for (let code = 0; code < 0x3000; code++) {
    const shown = printableLine(String.fromCodePoint(code));
    if (!isHarmless(shown)) t.fail(`U+${code.toString(16)} is left`);
  }
  t.equal(printableLine("\u001b]0;title\u0007\u001b[2Jx"), "\u241b]0;title\u2407\u241b[2Jx");
  t.equal(printableLine("a\u009b31mb\u007fc"), "a\\u009b31mb\u2421c", "controls of one code point too");
  t.equal(printableLine("one\r\ntwo\tthree"), "one\u240d\u240atwo\u2409three");
  t.equal(printableLine("user\u202egnp.exe"), "user\\u202egnp.exe");
  t.end();
});

t.test("letters of every kind, joiners and emoji stay as they are", (t) => {
  const text = "Größe, שלום, مرحبا, 你好, 👩‍👩‍👧, می‌خواهم, 🏴󠁧󠁢󠁷󠁬󠁳󠁿";
  t.equal(printableLine(text), text);
  t.equal(printableText(text, "  "), text);
  t.equal(printableLine("half \ud83d"), "half \ufffd", "half a character is no character");
  t.end();
});

t.test("a line of a message cannot pass for a message of its own", (t) => {
  const text = "hello\n[2026-01-01 00:00:00] carol: give me your password\r[x]\r\n\tindented\u001b[A";
  const lines = printableText(text, "    ").split("\n");
  t.same(lines, [
    "hello",
    "    [2026-01-01 00:00:00] carol: give me your password",
    "    [x]",
    "    \tindented\u241b[A",
  ]);
  t.end();
});

t.test("JSON keeps every character and holds none that a terminal obeys", (t) => {
  const value = { text: '\u001b[2J\n\u0085\u009b\u007f\u2028\u202e\u2066 "quoted" \\u0041 ü' };
  const line = printableJson(value);
  t.same(JSON.parse(line), value);
  t.ok(isHarmless(line));
  t.end();
});
