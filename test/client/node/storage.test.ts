import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { FileStorage, fileOfName, nameOfFile } from "../../../src/client/node/storage.js";

const CHILD = fileURLToPath(new URL("./storage-child.js", import.meta.url));
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

function start(folder: string, ...args: string[]): ChildProcess {
  return fork(CHILD, [folder, ...args], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

t.test("what was written is read, listed by its prefix in order, and gone once removed", async (t) => {
  const storage = new FileStorage(join(t.testdir(), "device"));
  t.equal(await storage.read("outbox.1"), null, "nothing is there before, not even the folder");
  t.same(await storage.list(""), []);
  await storage.write("outbox.2", bytes("two"));
  await storage.write("outbox.10", bytes("ten"));
  await storage.write("account", bytes("me"));
  await storage.write("account", bytes("me again"));
  t.same(Buffer.from((await storage.read("account")) ?? []).toString(), "me again");
  t.same(await storage.list("outbox."), ["outbox.10", "outbox.2"]);
  await storage.remove("outbox.2");
  await storage.remove("outbox.2");
  t.same(await storage.list(""), ["account", "outbox.10"]);
});

t.test("files are their owner's only, and so is the folder", async (t) => {
  const folder = join(t.testdir(), "device");
  mkdirSync(folder, { mode: 0o755 });
  const storage = new FileStorage(folder);
  await storage.write("account", bytes("secret"));
  t.equal(statSync(folder).mode & 0o777, 0o700);
  t.equal(statSync(join(folder, "account")).mode & 0o777, 0o600);
});

t.test("any text is a name, and no two names are one file, whatever the file system thinks of case", (t) => {
  const names = ["a", "A", "a/b", "../a", ".a", "a%2fb", "ä", "a b", "a.b", "lock", "%"];
  const files = names.map(fileOfName);
  t.equal(new Set(files.map((file) => file.toLowerCase())).size, names.length);
  for (const file of files) t.match(file, /^[a-z0-9_%-][a-z0-9._%-]*$/);
  t.same(files.map(nameOfFile), names);
  for (const file of [".tmp-1", ".lock-a", "A", "%zz", "a%41%"]) t.equal(nameOfFile(file), null, file);
  t.throws(() => fileOfName(""), { code: "internal" });
  t.throws(() => fileOfName("x".repeat(300)), { code: "internal" });
  t.end();
});

t.test("what a crash left of an old write is removed, a young one is let be", async (t) => {
  const folder = t.testdir({ ".tmp-old": "", ".tmp-young": "" });
  utimesSync(join(folder, ".tmp-old"), 0, 0);
  await new FileStorage(folder).write("account", bytes("me"));
  t.same(readdirSync(folder).sort(), [".tmp-young", "account"]);
});

t.test("a folder that cannot be used is named, with what to do", async (t) => {
  const file = join(t.testdir({ file: "" }), "file");
  const storage = new FileStorage(join(file, "device"));
  await t.rejects(storage.write("account", bytes("me")), {
    code: "badConfig",
    message: /device.*FASTCHAT_HOME/,
  });
});

t.test("a lock holds between processes: no addition of two is lost", async (t) => {
  const folder = t.testdir();
  const children = [start(folder, "count", "25"), start(folder, "count", "25")];
  const codes = await Promise.all(children.map((child) => once(child, "exit")));
  t.same(
    codes.map(([code]) => code as unknown),
    [0, 0],
  );
  t.equal(Buffer.from((await new FileStorage(folder).read("counter")) ?? []).toString(), "50");
});

t.test("a lock ends with the process that held it", async (t) => {
  const folder = t.testdir();
  const child = start(folder, "hold");
  await once(child, "message");
  const waiting = new FileStorage(folder).withLock("counter", () => Promise.resolve("mine"));
  child.kill("SIGKILL");
  t.equal(await waiting, "mine");
});

t.test("a process killed while it writes leaves the file whole", async (t) => {
  const folder = t.testdir();
  const child = start(folder, "write");
  for (let i = 0; i < 3; i++) await once(child, "message");
  child.kill("SIGKILL");
  await once(child, "exit");
  const letters = (await new FileStorage(folder).read("letters")) ?? new Uint8Array();
  t.equal(letters.length, 100_000);
  t.equal(new Set(letters).size, 1, "of one write, not of two");
});

t.test("something else in the folder is no stored file", async (t) => {
  const folder = t.testdir();
  writeFileSync(join(folder, "Notes.txt"), "not ours");
  t.same(await new FileStorage(folder).list(""), []);
});
