/** A group as people go it: the system in one process, `fastchat` in others. */
import { join } from "node:path";
import t, { type Test } from "tap";
import { spawnSystem } from "../../scenario/spawned.js";
import { run, start, type Ended } from "./run.js";

const folder = t.testdir({ data: {}, alice: {}, bob: {}, carol: {}, dave: {}, phone: {} });
const { server } = await spawnSystem(t, join(folder, "data"));
const env = {
  FASTCHAT_PASSWORD: "correct horse battery",
  FASTCHAT_LABORATORY: "accept-weak-stretching",
};

type Home = "alice" | "bob" | "carol" | "dave" | "phone";

const as = (home: Home, ...args: readonly string[]): Promise<Ended> =>
  run(args, { home: join(folder, home), env });

/** As {@link as}, of a command that must end well. @returns what it printed, without times */
async function told(t: Test, home: Home, ...args: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await as(home, ...args);
  t.equal(code, 0, `${home}: ${args.join(" ")}: ${stderr}`);
  return linesOf(stdout);
}

const linesOf = (output: string): string[] =>
  output
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] /, ""));

t.test("a group is made, and everybody in it has what is sent to it", async (t) => {
  await Promise.all(
    (["alice", "bob", "carol", "dave"] as const).map((name) =>
      told(t, name, "register", name, "--server", server),
    ),
  );
  t.same(await told(t, "alice", "group", "create", "Climbing", "bob", "carol"), []);
  t.same(await told(t, "alice", "send", "#Climbing", "on", "Sunday?"), []);
  t.same(await told(t, "bob", "pending"), [
    "#Climbing: alice made the group with bob, carol",
    'alice → #Climbing: (the group is called "Climbing")',
    "alice → #Climbing: on Sunday?",
  ]);
  const sent = await told(t, "bob", "send", "#climbing", "I am in", "--json");
  t.match(JSON.parse(sent[0] ?? ""), {
    to: "#Climbing",
    recipients: 2,
    delivered: 0,
    missed: [],
    outcome: "stored",
  });
  const got = (await told(t, "carol", "pending", "--json")).map(
    (line) => JSON.parse(line) as { text: string },
  );
  t.match(got.at(-1), { from: "bob", text: "I am in", group: { title: "Climbing" } });
  t.same(await told(t, "carol", "history", "#Climbing"), [
    "* alice made the group with bob, carol",
    'alice: (the group is called "Climbing")',
    "alice: on Sunday?",
    "bob: I am in",
  ]);
  t.match((await told(t, "alice", "chats"))[0], /^#Climbing .* alice|you: on Sunday\?/);
  t.same(await told(t, "alice", "group", "list"), ["#Climbing  alice, bob, carol (you are admin)"]);
});

t.test("the author sees who has it and who has read it", async (t) => {
  await told(t, "carol", "receipts", "--no-tell-read");
  await told(t, "alice", "send", "#Climbing", "who", "brings", "the", "rope?");
  const readBy = () => told(t, "alice", "receipts", "#Climbing", "--json");
  let receipts = await readBy();
  t.match(JSON.parse(receipts[0] ?? ""), {
    text: "who brings the rope?",
    direction: "sent",
    recipients: 2,
    delivered: 0,
    read: 0,
    members: [
      { name: "bob", state: "sent" },
      { name: "carol", state: "sent" },
    ],
  });
  // What a command had no time to tell leaves with the next one.
  for (let tries = 0; tries < 20 && !/"delivered":2/.test(receipts[0] ?? ""); tries++) {
    for (const name of ["bob", "carol", "alice"] as const) await told(t, name, "pending");
    receipts = await readBy();
  }
  t.same(await told(t, "alice", "receipts", "#Climbing"), [
    "alice: who brings the rope? (delivered to 2 of 2, read by 1)",
    "  bob    read",
    "  carol  delivered",
  ]);
  t.match(
    (await told(t, "alice", "history", "#Climbing")).join("\n"),
    /rope\? \(delivered to 2 of 2, read by 1\)/,
  );
  t.same(await told(t, "carol", "receipts", "--tell-read", "--json"), ['{"tellRead":true}']);
  const wrong = [
    [["receipts"], /Whose receipts\?/],
    [["receipts", "--id", "00"], /--id goes with/],
    [["receipts", "bob", "--id", "x"], /not the id of a message/],
  ] as const;
  for (const [args, why] of wrong) t.match(await as("alice", ...args), { code: 2, stderr: why });
});

t.test("whoever listens is told of changes as they happen", async (t) => {
  const listening = start(["listen", "--timeout", "60"], { home: join(folder, "bob"), env });
  await told(t, "alice", "send", "#Climbing", "are you there?");
  await listening.until("are you there?");
  await told(t, "alice", "group", "add", "#Climbing", "dave");
  await listening.until("alice added dave");
  await told(t, "alice", "group", "promote", "#Climbing", "bob");
  await listening.until("alice made bob admin");
  await told(t, "alice", "group", "rename", "#Climbing", "Climbing in June");
  await listening.until('the group is called "Climbing in June"');
  listening.child.kill("SIGINT");
  t.equal((await listening.ended).code, 0);
  const dave = await told(t, "dave", "history", "--limit", "0");
  t.same(dave, [], "nothing is there before it was taken");
  t.match((await told(t, "dave", "pending")).at(-1), /alice → #Climbing in June: \(the group is called/);
  t.notMatch((await told(t, "dave", "history")).join("\n"), /Sunday/, "and nothing from before");
});

t.test("programs are told of changes, too", async (t) => {
  const listening = start(["listen", "--timeout", "60", "--json"], { home: join(folder, "bob"), env });
  await told(t, "alice", "send", "#Climbing in June", "are you there?");
  await listening.until("are you there?");
  await told(t, "alice", "group", "remove", "#Climbing in June", "dave");
  await listening.until("alice removed dave");
  await told(t, "alice", "group", "add", "#Climbing in June", "dave");
  await listening.until("alice added dave");
  listening.child.kill("SIGINT");
  const { stdout } = await listening.ended;
  const objects = linesOf(stdout).map((line) => JSON.parse(line) as { change?: string });
  t.match(
    objects.filter(({ change }) => change !== undefined),
    [
      { change: "remove", by: "alice", members: ["dave"], group: { title: "Climbing in June" } },
      { change: "add", by: "alice", members: ["dave"], text: "alice added dave", at: /^20.*Z$/ },
    ],
  );
});

t.test("only admins change a group, and what cannot be done says why, with its exit code", async (t) => {
  const cases = [
    ["carol", ["group", "add", "#Climbing", "erin"], 4, /nobody|noSuchAccount|no account|called/i],
    ["carol", ["group", "remove", "#Climbing", "dave"], 4, /Only the group's admins/],
    ["alice", ["group", "add", "#Climbing in June", "dave"], 4, /"dave" is in #Climbing in June already/],
    ["alice", ["group", "create", " x", "bob"], 2, /A title is one line/],
    ["alice", ["group"], 2, /What to do\?/],
    ["alice", ["group", "invite", "#Climbing in June", "--uses", "0"], 2, /--uses/],
    ["alice", ["group", "join", "https://example.org"], 2, /no invite/],
    ["alice", ["send", "#", "x"], 2, /"#" is not a user name/],
  ] as const;
  for (const [home, args, code, why] of cases) {
    const ended = await as(home, ...args);
    t.equal(ended.code, code, `${args.join(" ")}: ${ended.stderr}`);
    t.match(ended.stderr, why);
  }
});

t.test("one is removed and one comes by a link; a new device has it all from the password", async (t) => {
  await told(t, "carol", "pending");
  await told(t, "alice", "group", "remove", "#Climbing in June", "carol");
  await told(t, "alice", "send", "#Climbing in June", "without carol");
  const removed = await told(t, "carol", "pending");
  t.ok(removed.includes("#Climbing in June: alice removed carol"), removed.join("\n"));
  t.notOk(removed.some((line) => line.includes("without carol")));
  t.match(await as("carol", "send", "#Climbing in June", "hello?"), {
    code: 4,
    stderr: /not in #Climbing in June any more/,
  });
  t.same(await told(t, "carol", "group", "list"), []);
  t.match((await told(t, "carol", "group", "list", "--all"))[0], /\(left\)$/);

  const [link] = await told(t, "bob", "group", "invite", "#Climbing in June", "--uses", "1");
  const asked = await as("carol", "group", "join", link ?? "");
  t.match(asked, { code: 0, stderr: /bob was asked/ });
  t.match((await told(t, "bob", "pending")).join("\n"), /carol: \(asks to be let into a group/);
  // What bob's client did about it was done before it ended, or is when it listens next.
  const bob = start(["listen", "--timeout", "60"], { home: join(folder, "bob"), env });
  const carol = start(["listen", "--timeout", "60"], { home: join(folder, "carol"), env });
  await carol.until("bob added carol");
  bob.child.kill("SIGINT");
  carol.child.kill("SIGINT");
  await Promise.all([bob.ended, carol.ended]);

  await told(t, "alice", "group", "leave", "#Climbing in June");
  await told(t, "phone", "login", "alice", "--server", server);
  t.match((await told(t, "phone", "group", "list", "--all"))[0], /#Climbing in June .*\(left\)$/);
  const lines = await told(t, "phone", "history", "#Climbing in June", "--limit", "0");
  t.equal(lines[0], "* alice made the group with bob, carol");
  t.equal(lines.at(-1), "* alice left");
  t.ok(lines.some((line) => line.startsWith("alice: without carol")));
});
