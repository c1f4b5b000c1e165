/** The whole way, as people go it: the system in one process, `fastchat` in others. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { run, start, type Ended } from "./run.js";

const SYSTEM = fileURLToPath(new URL("../../../src/system.js", import.meta.url));
const folder = t.testdir({ data: {}, alice: {}, bob: {}, laptop: {}, carol: {} });

/** Starts a system with the cheapest password hash, and stops it after the tests. */
async function startSystem(): Promise<string> {
  const data = join(folder, "data");
  const child = spawn(
    process.execPath,
    [SYSTEM, "--port", "0", "--servers", "2", "--data", data, "--log", "json"],
    {
      env: {
        PATH: process.env["PATH"] ?? "",
        FASTCHAT_PASSWORD_ITERATIONS: "1",
        FASTCHAT_PASSWORD_MEMORY_KIB: "8",
        FASTCHAT_PASSWORD_PARALLELISM: "1",
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  t.teardown(async () => {
    child.kill("SIGTERM");
    await gone;
  });
  const address = join(data, "address");
  const written = new Promise<void>((resolve) => {
    const watcher = watch(data, () => {
      if (existsSync(address)) resolve();
    });
    t.teardown(() => watcher.close());
    if (existsSync(address)) resolve();
  });
  const early = gone.then(() => Promise.reject(new Error(`the system did not start:\n${log}`)));
  await Promise.race([written, early]);
  early.catch(() => undefined);
  return (await readFile(address, "utf8")).trim();
}

const server = await startSystem();
const env = {
  FASTCHAT_PASSWORD: "correct horse battery",
  FASTCHAT_LABORATORY: "accept-weak-stretching",
};

type Person = "alice" | "bob" | "laptop" | "carol";

const as = (person: Person, args: readonly string[], input?: string): Promise<Ended> =>
  run(args, { home: join(folder, person), env, ...(input === undefined ? {} : { input }) });

const objects = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

t.test("two people register; the address is remembered from then on", async (t) => {
  const [alice, bob] = await Promise.all([
    as("alice", ["register", "Alice", "--server", server]),
    as("bob", ["register", "bob", "--server", server, "--json"]),
  ]);
  t.same([alice.code, bob.code], [0, 0], alice.stderr + bob.stderr);
  t.match(
    alice.stdout,
    /^alice is registered at fastchat:\/\/127\.0\.0\.1:\d+\. This device is signed in as alice\.\n$/,
  );
  t.match(objects(bob.stdout), [
    { name: "bob", account: /^[0-9a-f]{32}$/, device: /^[0-9a-f]{32}$/, server: String },
  ]);
  const who = await as("alice", ["whoami"]);
  t.match(who.stdout, /^name +alice\naccount +[0-9a-f]{32}\n/);
  t.ok(who.stdout.includes(server), "with the pin that was given");
});

t.test("who is away finds what was written, with its lines and without its escape sequences", async (t) => {
  const sent = await as("alice", ["send", "bob", "--json", "007", "--", "--help"]);
  t.equal(sent.code, 0, sent.stderr);
  const [accepted] = objects(sent.stdout);
  t.match(accepted, { id: /^[0-9a-f]{32}$/, to: "bob", at: /^\d{4}-.*Z$/, outcome: "stored" });
  const piped = await as("alice", ["send", "bob"], "two\nlines \u001b[2J\u009b31m\n");
  t.match(piped, { code: 0, stdout: "" });

  const first = await as("bob", ["listen", "--count", "1", "--timeout", "20", "--json"]);
  t.match(first, { code: 0, stderr: "" });
  t.match(objects(first.stdout), [
    { id: accepted?.["id"], from: "alice", text: "007 --help", at: accepted?.["at"] },
  ]);
  const second = await as("bob", ["listen", "--count", "1", "--timeout", "20"]);
  t.match(second.stdout, /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] alice: two\n {4}lines ␛\[2J\\u009b31m\n$/);
});

t.test("two talk, each hearing the other while the conversation lasts", async (t) => {
  const home = (person: Person) => ({ home: join(folder, person), env });
  const alice = start(["chat", "bob", "--json"], home("alice"));
  const bob = start(["chat", "alice"], home("bob"));
  alice.child.stdin?.write("are you there?\n");
  await bob.until("alice: are you there?");
  await alice.until('"outcome"');
  bob.child.stdin?.write("yes, I am\n\n");
  await alice.until("yes, I am");
  alice.child.stdin?.end("bye");
  await bob.until("alice: bye");
  bob.child.stdin?.end();
  const [left, right] = await Promise.all([alice.ended, bob.ended]);
  t.match(left, { code: 0, stderr: "" });
  t.match(right, { code: 0, stderr: "" });
  t.match(objects(left.stdout), [
    { id: String, to: "bob", outcome: /^(stored|acknowledged)$/ },
    { id: String, from: "bob", text: "yes, I am" },
    { id: String, to: "bob" },
  ]);
  t.equal(
    right.stdout.trimEnd().split("\n").length,
    2,
    "what is printed is what came; an empty line is not sent",
  );
});

t.test("on another device the whole history is there, from the password alone", async (t) => {
  const login = await as("laptop", ["login", "alice", "--server", server, "--device", "laptop"]);
  t.equal(login.code, 0, login.stderr);
  const [laptop, before] = await Promise.all([
    as("laptop", ["history", "bob", "--json"]),
    as("alice", ["history", "bob", "--json", "--limit", "0"]),
  ]);
  t.equal(laptop.stdout, before.stdout);
  t.match(
    objects(laptop.stdout).map(({ from, text, direction }) => [from, text, direction]),
    [
      ["alice", "007 --help", "sent"],
      ["alice", "two\nlines \u001b[2J\u009b31m", "sent"],
      ["alice", "are you there?", "sent"],
      ["bob", "yes, I am", "received"],
      ["alice", "bye", "sent"],
    ],
  );
  const newest = await as("laptop", ["history", "--limit", "1"]);
  t.match(newest.stdout, /^\[.*\] alice → bob: bye\n$/);
});

t.test("both see the same safety number, in twelve groups of five digits", async (t) => {
  const [alice, bob] = await Promise.all([as("alice", ["verify", "bob"]), as("bob", ["verify", "alice"])]);
  t.match(alice.stdout, /^(\d{5} ){3}\d{5}\n(\d{5} ){3}\d{5}\n(\d{5} ){3}\d{5}\n$/);
  t.equal(alice.stdout, bob.stdout);
});

t.test("refusals have their exit codes", async (t) => {
  const outcomes = await Promise.all([
    as("alice", ["send", "nobody", "hello"]),
    as("carol", ["register", "ALICE", "--server", server]),
  ]);
  t.match(outcomes, [{ code: 4 }, { code: 4, stderr: /taken/ }]);
  const home = join(folder, "carol");
  const wrong = { ...env, FASTCHAT_PASSWORD: "wrong horse" };
  const [password, name] = await Promise.all(
    ["alice", "nobody"].map((who) => run(["login", who, "--server", server], { home, env: wrong })),
  );
  t.equal(password?.code, 3);
  t.equal(password?.stderr, name?.stderr, "a wrong password and an unknown name look the same");
  const second = await as("bob", ["register", "bobby"]);
  t.match(second, { code: 2, stderr: /signed in as bob/ });
});

t.test("a service that asks for a cheap password hash is refused, but in a laboratory", async (t) => {
  const { FASTCHAT_PASSWORD } = env;
  const home = join(folder, "carol");
  const refused = await run(["login", "alice", "--server", server], { home, env: { FASTCHAT_PASSWORD } });
  t.match(refused, { code: 4, stderr: /password hash/ });
});

t.test("listening ends in order with Ctrl-C, and with 6 if less came than was asked for", async (t) => {
  const listening = start(["listen"], { home: join(folder, "bob"), env });
  await as("alice", ["send", "bob", "wake up"]);
  await listening.until("wake up");
  listening.child.kill("SIGINT");
  t.match(await listening.ended, { code: 0, stderr: "" });
  const few = await as("bob", ["listen", "--count", "1", "--timeout", "0.5"]);
  t.match(few, { code: 6, stdout: "", stderr: /0 of 1/ }, "what was printed was acknowledged");
});

t.test("after logging out, the keys are gone and the session has ended", async (t) => {
  const out = await as("laptop", ["logout"]);
  t.match(out, { code: 0, stdout: /alice is signed out/ });
  t.same(
    readdirSync(join(folder, "laptop", "device")).filter((file) => !file.startsWith(".")),
    [],
  );
  const after = await as("laptop", ["send", "bob", "still here?"]);
  t.match(after, { code: 3, stderr: /fastchat login/ });
  t.equal((await as("alice", ["send", "bob", "the other device goes on"])).code, 0);
});
