/** The whole way, as people go it: the system in one process, `fastchat` in others. */
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import t from "tap";
import { spawnSystem } from "../../scenario/spawned.js";
import { run, start, type Ended } from "./run.js";

const folder = t.testdir({ data: {}, alice: {}, bob: {}, laptop: {}, carol: {}, phone: {}, erin: {} });

const { server } = await spawnSystem(t, join(folder, "data"));
const env = {
  FASTCHAT_PASSWORD: "correct horse battery",
  FASTCHAT_LABORATORY: "accept-weak-stretching",
};

type Person = "alice" | "bob" | "laptop" | "carol" | "phone" | "erin";

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

t.test("chats show what is unread, and what was read here is read everywhere", async (t) => {
  t.equal((await as("alice", ["send", "bob", "one more"])).code, 0);
  t.equal((await as("bob", ["pending"])).code, 0);
  t.equal((await as("bob", ["send", "alice", "got it"])).code, 0);
  t.match(await as("laptop", ["listen", "--count", "1", "--timeout", "20"]), { code: 0, stdout: /got it/ });
  const [chat] = objects((await as("alice", ["chats", "--json"])).stdout);
  t.match(chat, { with: "bob", unread: 0, pinned: false, newest: { from: "bob", text: "got it" } });
  t.equal((await as("laptop", ["chats", "pin", "bob"])).code, 0);
  t.match((await as("alice", ["chats"])).stdout, /^bob +\(pinned\) \[.*\] bob: got it\n$/);
  t.match(await as("alice", ["chats", "pin"]), { code: 2, stderr: /fastchat chats pin bob/ });
});

t.test("the devices of an account are listed", async (t) => {
  const listed = objects((await as("alice", ["devices", "--json"])).stdout);
  t.equal(listed.length, 2);
  t.match(
    listed.find(({ isThis }) => isThis === false),
    { label: "laptop", lastUsedAt: /Z$/ },
  );
  t.match((await as("laptop", ["devices"])).stdout, /^laptop \(this one\) {2}since .*, last here /m);
});

t.test("history before a time", async (t) => {
  const whole = objects((await as("alice", ["history", "bob", "--json"])).stdout);
  const third = whole[2]?.["at"] as string;
  const before = await as("alice", ["history", "bob", "--json", "--before", third]);
  t.same(objects(before.stdout), whole.slice(0, 2));
});

t.test("a history is exported whole, as JSON and to read", async (t) => {
  const whole = objects((await as("alice", ["history", "--json", "--limit", "0"])).stdout);
  const [json, text] = [join(folder, "history.json"), join(folder, "bob.txt")];
  t.match(await as("alice", ["export", "--to", json]), {
    code: 0,
    stdout: `${whole.length} messages are in `,
  });
  const exported = JSON.parse(await readFile(json, "utf8")) as { messages: unknown[] };
  t.match(exported, { format: "fastchat history", version: 2, name: "alice", account: /^[0-9a-f]{32}$/ });
  t.match(exported.messages, whole);
  t.equal(exported.messages.length, whole.length);
  t.equal((await stat(json)).mode & 0o777, 0o600);
  const again = await as("alice", ["export", "--to", json]);
  t.match(again, { code: 2, stderr: /--force/ });
  t.equal((await as("alice", ["export", "--to", json, "--force", "--chat", "bob"])).code, 0);
  t.equal((await as("alice", ["export", "--to", text, "--chat", "bob"])).code, 0);
  t.equal(await readFile(text, "utf8"), (await as("alice", ["history", "bob"])).stdout);
  t.match(await as("alice", ["export", "--to", join(folder, "no", "folder.json")]), {
    code: 2,
    stderr: /no folder/,
  });
  t.notOk(
    readdirSync(folder).some((name) => name.startsWith(".tmp-")),
    "nothing is left behind",
  );
});

t.test("a sealed history is taken over by another account, once, and shown as what it is", async (t) => {
  const file = join(folder, "history.sealed");
  const FASTCHAT_EXPORT_PASSWORD = "a password of its own";
  const sealed = await run(["export", "--to", file], {
    home: join(folder, "alice"),
    env: { ...env, FASTCHAT_EXPORT_PASSWORD },
  });
  t.equal(sealed.code, 0, sealed.stderr);
  t.notMatch((await readFile(file)).toString("latin1"), /alice|are you there/);
  t.equal((await as("erin", ["register", "erin", "--server", server])).code, 0);
  const taking = (more: object, ...args: readonly string[]) =>
    run(["import", file, "--json", ...args], { home: join(folder, "erin"), env: { ...env, ...more } });
  t.match(await taking({}), { code: 2, stderr: /FASTCHAT_EXPORT_PASSWORD/ });
  t.match(await taking({ FASTCHAT_EXPORT_PASSWORD: "another one" }, "--other-account"), {
    code: 7,
    stderr: /does not open/,
  });
  t.match(await taking({ FASTCHAT_EXPORT_PASSWORD }), { code: 2, stderr: /--other-account/ });
  const whole = objects((await as("alice", ["history", "--json", "--limit", "0"])).stdout);
  const first = await taking({ FASTCHAT_EXPORT_PASSWORD }, "--other-account");
  t.match(objects(first.stdout), [{ imported: whole.length, alreadyThere: 0, leftOut: 0 }], first.stderr);
  const again = await taking({ FASTCHAT_EXPORT_PASSWORD }, "--other-account");
  t.match(objects(again.stdout), [{ imported: 0, alreadyThere: whole.length }]);
  const taken = objects((await as("erin", ["history", "--json", "--limit", "0"])).stdout);
  const texts = (lines: readonly Record<string, unknown>[]) =>
    lines.map(({ from, to, text, at }) => [from, to, text, at]);
  t.same(texts(taken), texts(whole), "in the same words and order");
  t.ok(taken.every(({ imported }) => imported === true));
  t.match((await as("erin", ["history"])).stdout, / alice → bob \(imported\): are you there\?/);
  t.match((await as("erin", ["check"])).code, 0);
});

t.test("messages are found by their words", async (t) => {
  const found = await as("laptop", ["search", "ARE", "you"]);
  t.match(found, { code: 0, stdout: /^\[.*\] alice → bob: are you there\?(?: \((?:delivered|read)\))?\n$/ });
  t.match(await as("laptop", ["search", "nonsense"]), { code: 0, stdout: "", stderr: /nothing was found/ });
});

t.test("one's history is found whole", async (t) => {
  const check = await as("alice", ["check"]);
  t.match(check, { code: 0, stdout: /^All \d+ entries of your history are as they were seen\.\n$/ });
  const [found] = objects((await as("laptop", ["check", "--json"])).stdout);
  t.match(found, { entries: Number, alarm: null });
});

t.test("a file is sent, told of, and saved under a harmless name", async (t) => {
  const content = randomBytes(600_000);
  const [path, home] = [join(folder, "report.pdf"), join(folder, "bob")];
  await writeFile(path, content);
  const sent = await as("alice", ["send", "bob", "--file", path, "as", "promised", "--json"]);
  t.equal(sent.code, 0, sent.stderr);
  const heard = objects((await as("bob", ["listen", "--count", "1", "--timeout", "60", "--json"])).stdout);
  t.match(heard, [
    { text: "[file: report.pdf, 586 KiB] as promised", file: { name: "report.pdf", bytes: 600_000 } },
  ]);
  t.match(await as("bob", ["save", "alice", "--to", home]), {
    code: 0,
    stdout: /report\.pdf \(600000 bytes\)/,
  });
  const saved = join(home, "report.pdf");
  t.ok(content.equals(await readFile(saved)));
  t.equal((await stat(saved)).mode & 0o777, 0o600);
  const [{ id } = { id: "" }] = heard;
  t.match(await as("bob", ["save", "alice", String(id), "--to", home]), { code: 2, stderr: /--force/ });
  t.match(await as("bob", ["save", "alice", String(id), "--to", home, "--force"]), { code: 0 });
  t.match(await as("bob", ["save", "alice", "0".repeat(32)]), { code: 4, stderr: /with a file/ });
  t.match(await as("alice", ["send", "bob", "--file", join(folder, "none")]), {
    code: 2,
    stderr: /is not there/,
  });
  t.match(await as("alice", ["send", "bob", "--file", folder]), { code: 2, stderr: /is not a file/ });
  t.notOk(
    readdirSync(home).some((name) => name.startsWith(".tmp-")),
    "nothing is left behind",
  );
});

t.test("what one deletes is gone on all one's devices, and stays with others", async (t) => {
  for (const text of ["said too much", "and more"])
    t.equal((await as("alice", ["send", "bob", text])).code, 0);
  t.equal((await as("bob", ["listen", "--count", "2", "--timeout", "60"])).code, 0);
  const shown = (await as("alice", ["history", "bob", "--ids"])).stdout;
  const id = /^([0-9a-f]{32}) \[.*\] alice: said too much$/m.exec(shown)?.[1] ?? "";
  t.match(await as("alice", ["delete", "bob", id]), {
    code: 0,
    stdout: "Deleted 1 message from your history with bob.\n",
  });
  t.match(await as("alice", ["delete", "bob", id]), { code: 2, stderr: new RegExp(`No message ${id}`) });
  const [later] = objects((await as("alice", ["history", "bob", "--limit", "1", "--json"])).stdout);
  t.match(later, { text: "and more" });
  t.notMatch((await as("laptop", ["history"])).stdout, /said too much/);
  t.match((await as("bob", ["history"])).stdout, /said too much/);
  const dry = await as("laptop", ["delete", "bob", "--all", "--json"]);
  const [would] = objects(dry.stdout);
  t.match(would, { name: "bob", deleted: false });
  t.match((await as("alice", ["history", "bob"])).stdout, /and more/);
  t.match(await as("alice", ["delete", "bob"]), { code: 2, stderr: /--before TIME, or --all/ });
  t.match(await as("alice", ["delete", "bob", "12"]), { code: 2, stderr: /history --ids/ });
  t.equal((await as("alice", ["check"])).code, 0);
});

t.test("QuickChat shows what is new and what waits; the rest once it is asked for", async (t) => {
  t.equal((await as("alice", ["send", "bob", "it waits"])).code, 0);
  const login = await as("phone", ["login", "bob", "--quick", "--no-pending", "--server", server]);
  t.equal(login.code, 0, login.stderr);
  t.match(await as("phone", ["history"]), { code: 0, stdout: "", stderr: /fastchat restore/ });
  t.match(await as("phone", ["listen", "--timeout", "5"]), { code: 2, stderr: /fastchat pending/ });
  t.match(await as("phone", ["pending"]), { code: 0, stdout: /^\[.*\] alice: it waits\n$/ });
  t.match(await as("phone", ["pending"]), { code: 0, stdout: "", stderr: /nothing waits/ });
  t.match(objects((await as("phone", ["history", "--json"])).stdout), [{ text: "it waits" }]);
  t.match(await as("phone", ["restore"]), { code: 0, stdout: /whole history/ });
  const [there, here] = [await as("bob", ["history", "--json"]), await as("phone", ["history", "--json"])];
  t.equal(here.stdout, there.stdout);
  t.equal((await as("phone", ["logout"])).code, 0);
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
