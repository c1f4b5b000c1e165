import { Writable } from "node:stream";
import t from "tap";
import { Interrupted, reportFailure } from "../../../src/client/cli/failure.js";
import { Output, OutputClosed } from "../../../src/client/cli/output.js";
import { ERRORS, FastChatError, type ErrorCode } from "../../../src/protocol/errors.js";
import { collected } from "./collected.js";

t.test("a failure is one line on standard error: what, and what to do; its exit code is the table's", (t) => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const { output, stdout, stderr } = collected();
    t.equal(
      reportFailure(new FastChatError(code, "What went wrong."), output, false),
      ERRORS[code].exit,
      code,
    );
    // Messages of these say what would be right themselves.
    const advice = ["badRequest", "badConfig"].includes(code) ? "" : ` ${ERRORS[code].advice}`;
    t.equal(stderr(), `fastchat: What went wrong.${advice}\n`);
    t.equal(stdout(), "");
  }
  t.end();
});

t.test("with --json it is one object; notes are objects too", (t) => {
  const { output, stderr } = collected(true);
  output.note("waiting");
  t.equal(reportFailure(new FastChatError("nameTaken", "alice is taken."), output, false), 4);
  const [note, failure] = stderr()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
  t.same(note, { note: "waiting" });
  t.same(failure, {
    error: { code: "nameTaken", message: "alice is taken.", advice: ERRORS.nameTaken.advice },
  });
  t.end();
});

t.test("an unknown error shows neither its text nor where it came from, unless asked to", (t) => {
  const quiet = collected();
  t.equal(reportFailure(new TypeError("x is not a function"), quiet.output, false), 1);
  t.notMatch(quiet.stderr(), /not a function|at /);
  const debug = collected();
  reportFailure(new TypeError("x is not a function"), debug.output, true);
  t.match(debug.stderr(), /TypeError: x is not a function\n +at /);
  t.end();
});

t.test("what the service wrote into an error cannot command the terminal", (t) => {
  const { output, stderr } = collected();
  reportFailure(new FastChatError("forbidden", "\u001b[2Jgone\nfastchat: all is well"), output, false);
  t.equal(stderr().split("\n").length, 2, "one line");
  t.notMatch(stderr(), "\u001b");
  t.end();
});

t.test("how long to wait is told where the service said so", (t) => {
  const { output, stderr } = collected();
  reportFailure(new FastChatError("tooMany", "Slower.", 1500), output, false);
  t.match(stderr(), /Try again in 2 s\./);
  t.end();
});

t.test("an interruption says nothing and keeps its code", (t) => {
  const { output, stderr } = collected();
  t.equal(reportFailure(new Interrupted(130), output, false), 130);
  t.equal(stderr(), "");
  t.end();
});

t.test("a reader that has gone is no failure, and nothing more is written for it", async (t) => {
  const stdout = new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    },
  });
  const { streams, stderr } = collected();
  const output = new Output({ ...streams, stdout }, false, {});
  await t.rejects(output.line("a message"), OutputClosed);
  t.equal(output.closed, true);
  t.equal(reportFailure(new FastChatError("internal", "because of that"), output, false), 0);
  t.equal(stderr(), "");
});

t.test("something can be done around everything that is written", async (t) => {
  const { output } = collected();
  const calls: string[] = [];
  output.around(
    () => calls.push("before"),
    () => calls.push("after"),
  );
  await output.line("one");
  output.note("two");
  t.same(calls, ["before", "after", "before", "after"]);
});

t.test("there are no colours where standard output is no terminal", (t) => {
  const { output } = collected();
  t.equal(output.paint.red("x"), "x");
  t.end();
});
