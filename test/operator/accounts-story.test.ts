/** From an invite to a suspension and back, as operators and people go it: the system in one process, commands in others. */
import { join } from "node:path";
import t from "tap";
import { run, start } from "../client/cli/run.js";
import { operate as operateOn, spawnSystem } from "../scenario/spawned.js";

const folder = t.testdir({ data: {}, alice: {}, bob: {}, laptop: {}, mallory: {} });
const data = join(folder, "data");
const system = await spawnSystem(t, data, { FASTCHAT_REGISTRATION: "invite" });
const { server } = system;
const env = {
  FASTCHAT_PASSWORD: "correct horse battery",
  FASTCHAT_LABORATORY: "accept-weak-stretching",
};

type Person = "alice" | "bob" | "laptop" | "mallory";
const home = (person: Person) => ({ home: join(folder, person), env });
const as = (person: Person, args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
  run(args, { home: join(folder, person), env: { ...env, ...more } });

const operate = (...args: readonly string[]) => operateOn(data, args);
const object = (text: string) => JSON.parse(text) as Record<string, unknown>;
let code = "";

t.test("without an invite nobody comes in, and no password is asked for", async (t) => {
  const ended = await run(["register", "mallory", "--server", server], { home: join(folder, "mallory") });
  t.equal(ended.code, 4);
  t.match(ended.stderr, /by invite only; give its code with --invite, or set FASTCHAT_INVITE/);
  t.match(await as("mallory", ["register", "mallory", "--server", server, "--invite", "0".repeat(28)]), {
    code: 4,
    stderr: /invite is not known, used up, or over/,
  });
});

t.test("an invite is shown with the whole command that somebody new runs", async (t) => {
  const made = await operate("invite", "--uses", "2", "--days", "3");
  t.equal(made.code, 0, made.stderr);
  const [line = "", command = ""] = made.stdout.split("\n");
  code = line;
  t.match(code, /^([0-9A-Z]{4}-){6}[0-9A-Z]{4}$/);
  t.equal(command, `  fastchat register NAME --server '${server}' --invite ${code}`);
  t.match(made.stderr, /good 2 times, until .*not shown again/);
});

t.test("two come in by it, by flag and by variable, and then it is used up", async (t) => {
  const [alice, bob] = [
    await as("alice", ["register", "alice", "--server", server, "--invite", code]),
    await as("bob", ["register", "bob", "--server", server], {
      FASTCHAT_INVITE: code.toLowerCase().replaceAll("-", " "),
    }),
  ];
  t.same([alice.code, bob.code], [0, 0], alice.stderr + bob.stderr);
  t.match(await as("mallory", ["register", "mallory", "--server", server, "--invite", code]), { code: 4 });
  t.match(await operate("invite", "list"), { code: 0, stdout: /^id +uses left +made .*\n1 +0 of 2 /s });
});

t.test("an invite is revoked by its number", async (t) => {
  const made = object((await operate("invite", "--json")).stdout);
  t.match(made, { id: 2, uses: 1, usesLeft: 1, code: String, server, command: /^fastchat register NAME/ });
  t.match(await operate("invite", "revoke", "2"), { code: 0, stdout: "Invite 2 lets nobody in any more.\n" });
  t.match(await operate("invite", "revoke", "2"), { code: 2, stderr: /no invite 2/ });
  t.match(await operate("invite", "revoke"), { code: 2, stderr: /Which invite/ });
  t.match(
    await as("mallory", ["register", "mallory", "--server", server, "--invite", String(made["code"])]),
    { code: 4, stderr: /invite/ },
  );
});

t.test("operators see who has an account", async (t) => {
  const listed = await operate("users", "--json");
  t.equal(listed.code, 0, listed.stderr);
  t.match(listed.stdout.trimEnd().split("\n").map(object), [
    { name: "alice", since: /^\d{4}-/, devices: 1, lastSeen: /^\d{4}-/, suspended: false },
    { name: "bob", suspended: false },
  ]);
  const found = await operate("users", "--search", "bo");
  t.match(found.stdout, /^name +since +devices +last seen\nbob +\d{4}-\d\d-\d\d +1 +\d{4}-\d\d-\d\d\n$/);
  t.match(await operate("users", "--search", "nobody"), { code: 0, stdout: "", stderr: /there are none/ });
});

t.test("who is suspended is cut off at once, is told why, and stays away", async (t) => {
  const listening = start(["listen"], home("bob"));
  t.match(await as("alice", ["send", "bob", "hello"]), { code: 0 });
  await listening.until("hello");
  t.match(await operate("suspend", "bob"), {
    code: 0,
    stdout: "bob is suspended. Signed out: 1 device. What others write to bob waits.\n",
  });
  t.match(await operate("suspend", "bob"), { stdout: /^bob was suspended already\. What others write/ });
  const ended = await listening.ended;
  t.equal(ended.code, 4);
  t.notMatch(ended.stderr, /archive/);
  t.match(ended.stderr, /This account is suspended\. Ask whoever runs the service\./);
  const refused = await as("bob", ["send", "alice", "hello"]);
  t.match(refused, { code: 4, stderr: /^fastchat: This account is suspended[^\n]*\n$/ });
  t.match(await operate("users", "--search", "bob"), { stdout: /suspended\n$/ });
});

t.test("only who knows the password learns it at a login", async (t) => {
  const login = ["login", "bob", "--server", server];
  t.match(await as("laptop", login), { code: 4, stderr: /This account is suspended/ });
  t.match(await as("laptop", login, { FASTCHAT_PASSWORD: "not the password" }), {
    code: 3,
    stderr: /Name or password is wrong/,
  });
});

t.test("what is written to somebody suspended waits, and comes once that is lifted", async (t) => {
  t.match(await as("alice", ["send", "bob", "are you back?"]), { code: 0 });
  t.match(await operate("suspend", "bob", "--lift", "--json"), {
    code: 0,
    stdout: /^\{"name":"bob","suspended":false,"changed":true,"devices":1\}\n$/,
  });
  t.match(await operate("suspend", "bob", "--lift"), { code: 0, stdout: "bob was not suspended.\n" });
  t.match(await as("bob", ["send", "alice", "not yet"]), { code: 3, stderr: /Log in: fastchat login/ });
  t.match(await as("bob", ["login", "bob"]), { code: 0 });
  t.match(await as("bob", ["listen", "--count", "1", "--timeout", "30"]), {
    code: 0,
    stdout: /are you back\?/,
  });
  t.match(await operate("suspend", "nobody"), { code: 4, stderr: /Nobody is called "nobody"/ });
});

t.test("the log tells what operators did, and no code", (t) => {
  const orders = system
    .log()
    .split("\n")
    .filter((line) => line.includes("an operator's order"));
  for (const [method, route] of [
    ["POST", "/v1/operator/invites"],
    ["DELETE", "/v1/operator/invites/:invite"],
    ["POST", "/v1/operator/users/:name/suspend"],
    ["POST", "/v1/operator/users/:name/lift"],
  ] as const)
    t.ok(
      orders.some((line) => line.includes(method) && line.includes(route)),
      `${method} ${route}`,
    );
  t.notOk(system.log().includes(code));
  t.end();
});
