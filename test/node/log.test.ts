/** Logs: one object a line, and no secret in it. */
import t from "tap";
import { withoutCredentials } from "../../src/node/credentials.js";
import { createLog } from "../../src/node/log.js";

function logged(level: "debug" | "info", write: (log: ReturnType<typeof createLog>) => void): unknown[] {
  const lines: string[] = [];
  write(createLog({ level }, { thread: "chat-1" }, (line) => lines.push(line)));
  return lines.map((line) => JSON.parse(line) as unknown);
}

t.test("a line holds thread, level, time, fields and message", async (t) => {
  const [line] = logged("info", (log) => log.warn({ queue: 3 }, "slow"));
  t.match(line, { thread: "chat-1", level: "warn", time: /^\d{4}-.+Z$/, queue: 3, msg: "slow" });
  t.notHas(line, { pid: Number });
});

t.test("lines below the level are not written", async (t) => {
  t.same(
    logged("info", (log) => log.debug({}, "x")),
    [],
  );
  t.equal(logged("debug", (log) => log.debug({}, "x")).length, 1);
});

t.test("a secret that somebody passes by mistake is not written", async (t) => {
  const text = JSON.stringify(
    logged("info", (log) =>
      log.error({ token: "s3cret", data: { password: "s3cret", ticket: "s3cret" } }, "x"),
    ),
  );
  t.notMatch(text, "s3cret");
  t.match(text, "[redacted]");
});

t.test("an error keeps code, message, stack and cause, and loses what else hangs on it", async (t) => {
  const cause = Object.assign(new Error("postgres://me:s3cret@host/db refused"), {
    code: "28P01",
    detail: "Key (name)=(bob) exists",
  });
  const [line] = logged("info", (log) => log.error({ error: new Error("failed", { cause }) }, "x"));
  t.match(line, {
    error: {
      message: "failed",
      stack: /log\.test/,
      cause: { code: "28P01", message: "postgres://[redacted]@host/db refused" },
    },
  });
  t.notMatch(JSON.stringify(line), /s3cret|bob/);
});

t.test("credentials in addresses are blotted out", async (t) => {
  const cases = [
    ["postgres://me:pw@host:5432/db", "postgres://[redacted]@host:5432/db"],
    ["at postgres://me:p@w@host/db now", "at postgres://[redacted]@host/db now"],
    ["postgres://host/db?user=me&password=pw&x=1", "postgres://host/db?user=me&password=[redacted]&x=1"],
    ["postgres://host/db", "postgres://host/db"],
    ["write to bob@host", "write to bob@host"],
  ] as const;
  for (const [text, wanted] of cases) t.equal(withoutCredentials(text), wanted);
});
