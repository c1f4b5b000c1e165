import { randomBytes } from "node:crypto";
import t from "tap";
import { MAX_TYPED_INVITE, newInviteCode, parseInviteCode } from "../../src/protocol/invite-code.js";

t.test("a code has 28 characters that nobody takes for others, in groups of four", (t) => {
  t.equal(
    newInviteCode((length) => Uint8Array.from({ length }, (_, index) => index)),
    "0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV",
  );
  const seen = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const code = newInviteCode((length) => new Uint8Array(randomBytes(length)));
    t.match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}$/);
    t.equal(parseInviteCode(code), code);
    seen.add(code);
  }
  t.equal(seen.size, 200);
  t.end();
});

t.test("every character is as likely as any other", (t) => {
  const counts = new Map<string, number>();
  for (let byte = 0; byte < 256; byte++) {
    const first = newInviteCode((length) => new Uint8Array(length).fill(byte)).charAt(0);
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  t.equal(counts.size, 32);
  t.same(new Set(counts.values()), new Set([8]));
  t.end();
});

t.test("however it is typed, it is the same code", (t) => {
  const code = "0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV";
  for (const typed of [
    code.toLowerCase(),
    code.replaceAll("-", ""),
    ` ${code.replaceAll("-", " ")}\n`,
    "OI23 4567 89AB CDEF GHJK MNPQ RSTV",
    "o l 2 3 4567-89ab-cdef-ghjk-mnpq-rstv",
  ]) {
    t.equal(parseInviteCode(typed), code, typed);
  }
  t.end();
});

t.test("what is no code is told apart", (t) => {
  for (const typed of [
    "",
    "0123",
    "0123-4567-89AB-CDEF-GHJK-MNPQ-RST",
    "0123-4567-89AB-CDEF-GHJK-MNPQ-RSTVW",
    "0123-4567-89AB-CDEF-GHJK-MNPQ-RSTU",
    "0123_4567_89AB_CDEF_GHJK_MNPQ_RSTV",
    "0123-4567-89AB-CDEF-GHJK-MNPQ-RST\u212a",
    `0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV${" ".repeat(MAX_TYPED_INVITE)}`,
  ]) {
    t.equal(parseInviteCode(typed), null, typed);
  }
  t.end();
});
