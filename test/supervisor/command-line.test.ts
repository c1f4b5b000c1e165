/** The command line of `system`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { configOf } from "../../src/supervisor/command-line.js";
import { OPERATOR_COMMANDS } from "../../src/operator/commands.js";
import { runOperatorProgram } from "../../src/operator/program.js";
import { explain, recordOf } from "../../src/supervisor/explain.js";
import { FastChatError } from "../../src/protocol/errors.js";

t.test("flags, variables and a file, in this order of weight", async (t) => {
  const file = join(t.testdir(), "mine.json");
  writeFileSync(file, '{"port":1000,"servers":2,"host":"127.0.0.2","log":{"level":"debug"}}');
  const config = await configOf(
    ["--config", file, "--port", "3000", "--log", "json", "--data", "here"],
    { FASTCHAT_PORT: "2000", FASTCHAT_SERVERS: "4" },
    "/base",
  );
  t.match(config, {
    port: 3000,
    servers: 4,
    host: "127.0.0.2",
    log: { format: "json", level: "debug" },
    dataDir: "/base/here",
    strategy: "least-busy",
  });
  t.equal((await configOf([], { FASTCHAT_CONFIG: file }, "/base"))?.port, 1000);
});

t.test("a command line that makes no sense is refused with what is wrong", async (t) => {
  const cases: [args: string[], code: string, message: string | RegExp][] = [
    [["--prot", "1"], "badRequest", "Unknown argument: prot. See --help."],
    [["start"], "badRequest", 'There is no command "start". See --help.'],
    [["--port"], "badRequest", "Not enough arguments following: port. See --help."],
    [["--port", "1", "--port", "2"], "badRequest", "--port is given more than once."],
    [["--port", "http"], "badConfig", '--port: port is "http"; it must be a whole number from 0 to 65535.'],
    [["--config", "/absent.json"], "badConfig", "/absent.json cannot be read: there is no such file."],
  ];
  for (const [args, code, message] of cases) {
    await t.rejects(configOf(args, {}, "/"), { code, message }, args.join(" "));
  }
});

t.test("a failure is told in one line, without a stack or a password", async (t) => {
  t.equal(
    explain(recordOf(new FastChatError("portInUse", "Port 7440 on 127.0.0.1 is in use."))),
    "fastchat-system: Port 7440 on 127.0.0.1 is in use. Choose another port with --port, or stop the program that has it.",
  );
  t.equal(
    explain({ code: "databaseUnreachable", message: "postgres://me:pw@h/d is away.\nat file.js:1" }),
    "fastchat-system: postgres://[redacted]@h/d is away. Check the database address and that the server runs.",
  );
  t.match(
    explain(recordOf(new TypeError("x is not a function\n    at y"))),
    /went wrong: x is not a function\. This is a defect/,
  );
  t.equal(recordOf(Object.assign(new Error("no"), { code: "ENOSPC" })).code, "diskFull");
});

t.test("help names every exit code", async (t) => {
  const printed = t.capture(console, "log");
  t.equal(await configOf(["--help"], {}, "/"), null);
  const [[help] = [""]] = printed.args() as [string][];
  const codes = help.slice(help.indexOf("Exit codes:")).replaceAll(/\s+/g, " ");
  for (const code of ["0 stopped", "1 a defect", "2 a wrong", "6 a part", "8 a port", "128 + signal"]) {
    t.ok(codes.includes(code), code);
  }
});

t.test("help names every command of operators, and so does theirs", async (t) => {
  const printed = t.capture(console, "log");
  await configOf(["--help"], {}, "/");
  await runOperatorProgram(["--help"]);
  const [[system = ""] = [], [operators = ""] = []] = printed.args() as [string][];
  for (const command of OPERATOR_COMMANDS) t.match(system, new RegExp(`\\b${command}\\b`), command);
  const named = [...operators.matchAll(/^ +fastchat-system (\w+)/gm)].map(([, name]) => name);
  t.same(named.sort(), [...OPERATOR_COMMANDS].sort());
});
