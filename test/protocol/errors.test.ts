import { existsSync, readFileSync } from "node:fs";
import t from "tap";
import {
  ERRORS,
  errorRecord,
  FastChatError,
  isErrorCode,
  type ErrorCode,
} from "../../src/protocol/errors.js";

const codes = Object.keys(ERRORS) as ErrorCode[];
const manual = new URL("../../../docs/PROTOCOL.md", import.meta.url);

t.test("every code has a status, an exit code and advice in a sentence", async (t) => {
  for (const code of codes) {
    const { http, exit, advice } = ERRORS[code];
    t.ok(/^[a-z][A-Za-z]+$/.test(code), code);
    t.ok(Number.isInteger(http) && http >= 400 && http <= 599, `${code}: ${http}`);
    t.ok(Number.isInteger(exit) && exit >= 1 && exit <= 125, `${code}: ${exit}`);
    t.ok(/^[A-Z].{8,}[^.]\.$/.test(advice), `${code}: ${advice}`);
  }
});

t.test("only keys of the table are codes", async (t) => {
  t.ok(codes.every(isErrorCode));
  for (const other of ["", "nope", "BadFrame", "toString", "constructor", "__proto__", "hasOwnProperty"]) {
    t.notOk(isErrorCode(other), other);
  }
  for (const other of [null, undefined, 5, {}, ["badFrame"], new String("badFrame")])
    t.notOk(isErrorCode(other));
});

t.test("an error tells its code, its text, its cause and how long to wait", async (t) => {
  const cause = new Error("deeper");
  const error = new FastChatError("tooMany", "Too many at once.", 250, { cause });
  t.ok(error instanceof Error);
  t.match(error, { name: "FastChatError", code: "tooMany", message: "Too many at once.", retryAfterMs: 250 });
  t.equal(error.cause, cause);
  t.equal(new FastChatError("internal", "x").retryAfterMs, undefined);
  t.notOk("cause" in new FastChatError("internal", "x"));
});

t.test("of an error only code and text cross a boundary", async (t) => {
  const error = new FastChatError("diskFull", "No space.", 5, { cause: new Error("/secret/path") });
  t.same(errorRecord(error), { code: "diskFull", message: "No space." });
  t.same(structuredClone(errorRecord(error)), { code: "diskFull", message: "No space." });
});

t.test("of anything else that is thrown nothing crosses but that it happened", async (t) => {
  const thrown = [
    new Error("password hunter2"),
    "hunter2",
    null,
    undefined,
    { code: "badFrame", message: "hunter2" },
  ];
  for (const error of thrown) {
    const record = errorRecord(error);
    t.equal(record.code, "internal");
    t.notMatch(record.message, /hunter2/);
  }
});

t.test(
  "the table in the protocol's description is this one",
  { skip: existsSync(manual) ? false : "docs/PROTOCOL.md is not there" },
  async (t) => {
    const table = readFileSync(manual, "utf8").split("\n## Errors\n")[1] ?? "";
    const rows = [...table.matchAll(/^\| `(\w+)` +\| (\d+) +\| (\d+) +\| (.+?) +\|$/gm)];
    t.same(
      rows
        .map(([, code, http, exit, advice]) => [code, { http: Number(http), exit: Number(exit), advice }])
        .sort(),
      Object.entries(ERRORS).sort(),
    );
  },
);
