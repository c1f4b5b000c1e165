import { createServer, type AddressInfo } from "node:net";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { ERRORS } from "../../../src/protocol/errors.js";
import { listenHttps, makeCertificate } from "../node/tls-service.js";
import { run, start } from "./run.js";

const PASSWORD = "correct horse battery";

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const NOBODY = `fastchat://127.0.0.1:${await freePort()}`;

/** What a service says of itself. */
const INFO = JSON.stringify({
  protocol: 1,
  version: "0.0.0",
  minimumStretching: { algorithm: "argon2id", iterations: 3, memoryKiB: 65536, parallelism: 4 },
  registration: "open",
});

t.test("--help tells commands, variables and exit codes; each command has its own", async (t) => {
  const home = t.testdir();
  const all = await run(["--help"], { home });
  t.equal(all.code, 0);
  for (const word of [
    "register <name>",
    "login <name>",
    "whoami",
    "logout",
    "send <name> [text..]",
    "listen",
    "history [name]",
    "chat <name>",
    "verify <name>",
    "FASTCHAT_HOME",
    "Exit codes",
    "130",
  ]) {
    t.ok(all.stdout.includes(word), word);
  }
  const listen = await run(["listen", "--help"], { home });
  t.match(listen.stdout, /--count.*--timeout.*Examples:.*ISO 8601/s);
  t.match((await run(["--version"], { home })).stdout, /^\d+\.\d+\.\d+\n$/);
  t.same(readdirSync(home), [], "and nothing is left behind");
});

t.test("what is not a command, a name or a value of an option ends with 2 and one line", async (t) => {
  const home = t.testdir();
  const cases = [
    [],
    ["sned", "bob"],
    ["send"],
    ["whoami", "extra"],
    ["listen", "--count", "many"],
    ["history", "--limit=-1"],
    ["register", "a"],
    ["login", "alice", "--server", "http://example.org"],
  ];
  const results = await inPairs(cases, (args) => run(args, { home, env: { FASTCHAT_PASSWORD: PASSWORD } }));
  for (const [index, { code, stdout, stderr }] of results.entries()) {
    const shown = (cases[index] ?? []).join(" ");
    t.equal(code, 2, shown);
    t.equal(stdout, "", shown);
    t.match(stderr, /^fastchat: [^\n]+\n$/, shown);
    t.notMatch(stderr, ERRORS.badRequest.advice, "the message itself says what would be right");
  }
});

t.test("errors are objects with --json, also those of the arguments", async (t) => {
  const home = t.testdir();
  const { code, stderr, stdout } = await run(["send", "--json"], { home });
  t.equal(code, 2);
  t.equal(stdout, "");
  t.match(JSON.parse(stderr), { error: { code: "badRequest", message: String, advice: String } });
  const later = await run(["whoami", "--json"], { home });
  t.equal(later.code, 3);
  t.match(JSON.parse(later.stderr), { error: { code: "notSignedIn" } });
});

t.test("who is not signed in is told how to be, and nobody is asked", async (t) => {
  const home = t.testdir();
  const commands = [["logout"], ["send", "bob", "hi"], ["listen"], ["chat", "bob"]];
  const results = await inPairs(commands, (args) => run(args, { home, env: { FASTCHAT_SERVER: NOBODY } }));
  for (const [index, { code, stderr }] of results.entries()) {
    t.equal(code, 3, commands[index]?.[0] ?? "");
    t.match(stderr, /^fastchat: .*fastchat login NAME\.\n$/);
  }
});

t.test(
  "a service that is not there ends register and login with 6 before a password is asked for",
  async (t) => {
    const home = t.testdir();
    for (const command of ["register", "login"]) {
      const { code, stdout, stderr } = await run([command, "alice", "--server", NOBODY], { home });
      t.equal(code, 6);
      t.equal(stdout, "");
      t.match(stderr, /nothing listens there/);
    }
  },
);

t.test("the key of a new service is shown and remembered; another key is refused with 7", async (t) => {
  const home = t.testdir();
  const [first, second] = await Promise.all([makeCertificate(), makeCertificate()]);
  const pin = Buffer.from(first.pin).toString("base64url");
  const answer = (_request: unknown, response: { statusCode: number; end(text: string): void }): void => {
    response.statusCode = 503;
    response.end('{"code":"unavailable","message":"\\u001b[31mAway."}');
  };
  const service = await listenHttps(first, answer);
  const server = `fastchat://127.0.0.1:${service.port}`;
  const env = { FASTCHAT_PASSWORD: PASSWORD };
  const before = await run(["login", "alice", "--server", server], { home, env });
  t.equal(before.code, 6);
  t.ok(before.stderr.includes(pin));
  t.match(before.stderr, /␛\[31mAway\./, "the service's words are shown, not obeyed");
  await service.close();

  const other = await listenHttps(second, answer, service.port);
  t.teardown(() => other.close());
  const changed = await run(["login", "alice", "--server", server], { home, env });
  t.equal(changed.code, 7, "as remembered, without being shown again");
  t.ok(
    changed.stderr.includes(pin) && changed.stderr.includes(Buffer.from(second.pin).toString("base64url")),
  );
  t.equal(other.received().length, 0);
  const given = `${server}#${Buffer.from(second.pin).toString("base64url")}`;
  t.equal(
    (await run(["login", "alice", "--server", given], { home, env })).code,
    6,
    "unless its pin is given",
  );
  t.equal((await run(["login", "alice", "--server", server], { home, env })).code, 6, "which is remembered");
});

t.test("a password stands in no argument and in nothing that is printed or written", async (t) => {
  const home = t.testdir();
  const service = await listenHttps(await makeCertificate(), ({ url }, response) =>
    response.end(url === "/v1/service" ? INFO : "{}"),
  );
  t.teardown(() => service.close());
  const server = `fastchat://127.0.0.1:${service.port}`;
  const env = { FASTCHAT_PASSWORD: PASSWORD, FASTCHAT_DEBUG: "1" };
  for (const command of ["register", "login"]) {
    const { stdout, stderr } = await run([command, "alice", "--server", server], { home, env });
    t.notMatch(stdout + stderr, PASSWORD);
    t.ok(stderr.length > 0, "though everything was told");
  }
  t.notMatch(service.received().toString("latin1"), PASSWORD, "nor is it sent");
  for (const file of readdirSync(home, { recursive: true, withFileTypes: true })) {
    if (file.isFile()) t.notMatch(readFileSync(join(file.parentPath, file.name), "latin1"), PASSWORD);
  }
  const asOption = await run(["login", "alice", "--server", server, "--password", PASSWORD], { home });
  t.equal(asOption.code, 2, "there is no option for it");
});

t.test("where nobody can be asked for the password, the message says what to set", async (t) => {
  const home = t.testdir();
  const service = await listenHttps(await makeCertificate(), (_request, response) => response.end(INFO));
  t.teardown(() => service.close());
  const { code, stderr } = await run(["login", "alice", "--server", `fastchat://127.0.0.1:${service.port}`], {
    home,
  });
  t.equal(code, 2);
  t.match(stderr, /FASTCHAT_PASSWORD/);
});

t.test("Ctrl-C ends what waits, with 130 and without a word", async (t) => {
  const home = t.testdir();
  const service = await listenHttps(await makeCertificate(), () => running.child.kill("SIGINT"));
  t.teardown(() => service.close());
  const env = { FASTCHAT_PASSWORD: PASSWORD, FASTCHAT_SERVER: `fastchat://127.0.0.1:${service.port}` };
  const running = start(["login", "alice"], { home, env });
  const { code, stdout, stderr } = await running.ended;
  t.equal(code, 130);
  t.equal(stdout, "");
  t.equal(stderr.trimEnd().split("\n").length, 1, "but for the new service's key");
});

t.test("a folder that cannot be used, and a damaged file in it, are named", async (t) => {
  const home = t.testdir({ file: "", damaged: { known: { "services.json": "{" } } });
  const env = { FASTCHAT_SERVER: NOBODY };
  const file = await run(["whoami"], { home: join(home, "file"), env });
  t.equal(file.code, 2);
  t.match(file.stderr, /FASTCHAT_HOME/);
  const damaged = await run(["whoami"], { home: join(home, "damaged"), env });
  t.equal(damaged.code, 2);
  t.match(damaged.stderr, /services\.json is damaged/);
});

/** Two at a time: a process takes some hundred milliseconds to start. */
async function inPairs<Input, Result>(
  inputs: readonly Input[],
  work: (input: Input) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let i = 0; i < inputs.length; i += 2) {
    results.push(...(await Promise.all(inputs.slice(i, i + 2).map(work))));
  }
  return results;
}
