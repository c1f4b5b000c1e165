/** A backup of a service that runs, restored into an empty folder: everybody finds everything, and nobody anything twice. */
import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { BackupFile } from "../../src/backup/backup-file.js";
import type { BackupRecord } from "../../src/backup/records.js";
import type { Ended, Running } from "../client/cli/run.js";
import { copyTemplate } from "../workers/database/template-folder.js";
import { linesOf, peopleIn, type Told } from "./people.js";
import { spawnSystem } from "./spawned.js";

const SYSTEM = fileURLToPath(new URL("../../src/system.js", import.meta.url));
const PASSWORD = "battery staple horse";

/** Runs `fastchat-system` with a command, as operators do. */
function operate(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [SYSTEM, ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => (texts[name] += chunk));
  }
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, ...texts })));
}

/** Ids that a conversation has told to be accepted, as they come. */
class Accepted {
  readonly ids: string[] = [];
  #rest = "";
  #waiting: (() => void)[] = [];

  constructor({ child }: Running) {
    child.stdout?.on("data", (chunk: string) => {
      const lines = (this.#rest + chunk).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of linesOf(lines.join("\n"))) {
        const { id, outcome } = line as { id: string; outcome?: string };
        if (outcome !== undefined) this.ids.push(id);
      }
      for (const look of this.#waiting.splice(0)) look();
    });
  }

  async until(count: number): Promise<void> {
    while (this.ids.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** Writes lines to a conversation, a few at a time, until it is told to stop. */
function keepWriting({ child }: Running, accepted: Accepted, name: string): () => Promise<void> {
  let going = true;
  const written = (async () => {
    for (let count = 0; going; count += 20) {
      const lines = Array.from({ length: 20 }, (_, index) => `${name} writes ${count + index}\n`);
      child.stdin?.write(lines.join(""));
      await accepted.until(count + 20);
    }
    child.stdin?.end();
  })();
  return () => {
    going = false;
    return written;
  };
}

const folder = t.testdir({ data: {}, used: { "holiday.jpg": "" } });
const data = join(folder, "data");
const restored = join(folder, "restored");
const open = join(folder, "open.backup");
const sealed = join(folder, "sealed.backup");

t.test("backed up under load, lost, and restored", async (t) => {
  const { as, json, begin } = peopleIn(t, folder);
  for (const name of ["service", "archive"]) await copyTemplate(join(data, name));
  const system = await spawnSystem(t, data);
  for (const name of ["alice", "bob", "carol", "dave"])
    await as(name, ["register", name, "--server", system.server]);
  await writeFile(join(folder, "plan.txt"), "the plan");
  await as("alice", ["group", "create", "Climbing", "bob", "carol"]);
  await as("alice", ["send", "#Climbing", "hello, all"]);
  await as("carol", ["send", "dave", "--file", join(folder, "plan.txt"), "the plan, then"]);
  for (const name of ["bob", "carol", "dave"]) await as(name, ["pending"]);

  // Bob is away: what alice writes waits. Dave is there.
  const talks = {
    alice: begin("alice", ["chat", "bob", "--json"]),
    carol: begin("carol", ["chat", "dave", "--json"]),
  };
  const listening = begin("dave", ["listen", "--json"]);
  const accepted = { alice: new Accepted(talks.alice), carol: new Accepted(talks.carol) };
  const stops = [
    keepWriting(talks.alice, accepted.alice, "alice"),
    keepWriting(talks.carol, accepted.carol, "carol"),
  ];
  await accepted.alice.until(100);
  await accepted.carol.until(100);
  const before = { alice: [...accepted.alice.ids], carol: [...accepted.carol.ids] };
  const backup = await operate(["backup", open, "--data", data, "--json"]);
  t.match(backup, { code: 0 }, backup.stderr);
  const report = JSON.parse(backup.stdout) as {
    bytes: number;
    rows: number;
    heldMs: number;
    sealed: boolean;
  };
  t.match(report, { bytes: (await stat(open)).size, sealed: false });
  t.ok(report.rows > 300 && report.heldMs > 0, backup.stdout);
  t.equal((await stat(open)).mode & 0o777, 0o600);
  for (const stop of stops) await stop();
  await Promise.all([talks.alice.ended, talks.carol.ended]);
  t.ok(accepted.alice.ids.length > before.alice.length, "nobody had to stop writing for it");
  listening.child.kill("SIGINT");
  await listening.ended;

  await t.test("it leaves nothing in the data folder, and overwrites nothing", async (t) => {
    t.same(
      (await readdir(data)).filter((name) => name.startsWith(".tmp-")),
      [],
    );
    t.match(await operate(["backup", open, "--data", data]), {
      code: 2,
      stderr: /is there already.*--force/,
    });
  });

  await t.test("every file of the folder is in it, or need not be", async (t) => {
    const records: BackupRecord[] = [];
    const file = await BackupFile.open(open, () => Promise.reject(new Error("it is not sealed")));
    for await (const record of file.records()) records.push(record);
    const secrets = records.flatMap((record) => (record.type === "secret" ? [record.name] : []));
    const others = ["version", "address", "lock", "service", "archive", "sockets"];
    const names = (await readdir(data)).filter((name) => !name.startsWith(".lock."));
    t.same(names.sort(), [...secrets, ...others].sort());
    for (const record of records) {
      if (record.type !== "secret") continue;
      t.same(Buffer.from(record.content, "base64"), await readFile(join(data, record.name)), record.name);
    }
  });

  await t.test("while the service is stopped it says the same, sealed or not", async (t) => {
    await system.stop();
    const env = { FASTCHAT_BACKUP_PASSWORD: PASSWORD };
    const again = await operate(["backup", sealed, "--data", data, "--seal"], env);
    t.match(again, { code: 0, stdout: /rows of .*, \d+ bytes, sealed\.\n$/ }, again.stderr);
    t.notOk((await readFile(sealed)).includes("FCBACKUP"));
    t.match(
      await operate(["restore", sealed, "--data", restored], { FASTCHAT_BACKUP_PASSWORD: "another one" }),
      {
        code: 7,
        stderr: /the password is another/,
      },
    );
    t.notOk((await readdir(folder)).includes("restored"), "nothing was made");
  });

  await t.test("only an empty folder is taken", async (t) => {
    t.match(await operate(["restore", open, "--data", data]), { code: 2, stderr: /is not empty/ });
    t.match(await operate(["restore", open, "--data", join(folder, "used")]), {
      code: 2,
      stderr: /holds "holiday\.jpg"/,
    });
    t.same(await readdir(join(folder, "used")), ["holiday.jpg"]);
  });

  const done = await operate(["restore", open, "--data", restored, "--json"]);
  t.match(done, { code: 0 }, done.stderr);
  t.match(JSON.parse(done.stdout), { rows: report.rows, skipped: [] });
  const second = await spawnSystem(t, restored);
  t.equal(
    second.server.split("#")[1],
    system.server.split("#")[1],
    "clients know the service by the same pin",
  );

  await t.test("from a new device, by the password alone, everything is there once", async (t) => {
    for (const name of ["alice", "bob", "carol", "dave"]) {
      await as(`new-${name}`, ["login", name, "--server", second.server]);
      await as(`new-${name}`, ["pending"]);
    }
    const historyOf = async (name: string): Promise<Told[]> =>
      (await json(`new-${name}`, ["history", "--limit", "0"])) as Told[];
    for (const [sender, recipient] of [
      ["alice", "bob"],
      ["carol", "dave"],
    ] as const) {
      for (const owner of [sender, recipient]) {
        const history = await historyOf(owner);
        const ids = history.map(({ id }) => id);
        t.equal(new Set(ids).size, ids.length, `nothing stands twice with ${owner}`);
        if (owner === recipient) {
          const there = new Set(ids);
          const missing = before[sender].filter((id) => !there.has(id));
          t.same(missing, [], `all that was accepted before is with ${owner}`);
        }
        const numbers = history
          .filter(({ text }) => text.startsWith(`${sender} writes `))
          .map(({ text }) => Number(text.slice(`${sender} writes `.length)));
        t.same(
          numbers,
          numbers.map((_, index) => index),
          `in order, and without a gap, with ${owner}`,
        );
      }
    }
  });

  await t.test("groups and files, too", async (t) => {
    t.match(await as("new-bob", ["history", "#Climbing"]), /hello, all/);
    await as("new-bob", ["send", "#Climbing", "still here"]);
    await as("new-carol", ["pending"]);
    t.match(await as("new-carol", ["history", "#Climbing"]), /still here/);
    await mkdir(join(folder, "saved"));
    await as("new-dave", ["save", "carol", "--to", join(folder, "saved")]);
    t.equal(await readFile(join(folder, "saved", "plan.txt"), "utf8"), "the plan");
  });

  await t.test("a device of before goes on with its session", async () => {
    await as("bob", ["pending", "--server", second.server]);
  });
});
