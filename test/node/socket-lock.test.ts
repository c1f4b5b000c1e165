/** Locks that end with their holder. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { folderForSockets } from "../../src/node/short-folder.js";
import { acquireLock, withLock } from "../../src/node/socket-lock.js";

const CONTENDER = fileURLToPath(new URL("./lock-contender.js", import.meta.url));

/** A folder whose path is short enough for sockets, as a test's own seldom is. */
async function folder(t: Test): Promise<string> {
  const path = await mkdtemp("/tmp/fastchat-test-");
  t.teardown(() => rm(path, { recursive: true }));
  return path;
}

interface Contender {
  readonly process: ChildProcess;
  /** The next line it prints. */
  readonly line: () => Promise<string>;
  readonly go: () => void;
}

/** Its process has ended before the test's folder is removed: teardowns run in reverse order. */
function contender(t: Test, mode: "try" | "wait", path: string, times = 1): Contender {
  const child = spawn(process.execPath, [CONTENDER, mode, path, String(times)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  t.teardown(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    line: async () => String((await lines.next()).value),
    go: () => void child.stdin.write("\n"),
  };
}

t.test(
  "a lock that another process holds is refused, and free once that process gives it back",
  async (t) => {
    const path = join(await folder(t), "lock");
    const other = contender(t, "try", path);
    t.equal(await other.line(), "held");
    await t.rejects(acquireLock(path), { code: "dataInUse" });
    other.go();
    t.equal(await other.line(), "released");
    const release = await acquireLock(path);
    await release();
    t.same(await readdir(join(path, "..")), [], "nothing is left behind");
  },
);

t.test("a lock ends with a holder that is killed", async (t) => {
  const path = join(await folder(t), "lock");
  for (let i = 0; i < 2; i++) {
    const other = contender(t, "try", path);
    t.equal(await other.line(), "held");
    other.process.kill("SIGKILL");
    await once(other.process, "exit");
  }
  const release = await acquireLock(path);
  await t.rejects(acquireLock(path), { code: "dataInUse" });
  t.equal((await readdir(join(path, ".."))).length, 2, "the link and the socket; the dead are cleared away");
  await release();
  await release();
  t.same(await readdir(join(path, "..")), []);
});

t.test("a suspended holder still holds", async (t) => {
  const path = join(await folder(t), "lock");
  const other = contender(t, "try", path);
  t.equal(await other.line(), "held");
  other.process.kill("SIGSTOP");
  await t.rejects(acquireLock(path), { code: "dataInUse" });
  other.process.kill("SIGKILL");
  await once(other.process, "exit");
});

t.test(
  "of twenty contenders in four processes that find a dead holder at once, exactly one gets the lock",
  async (t) => {
    const path = join(await folder(t), "lock");
    const dead = contender(t, "try", path);
    await dead.line();
    dead.process.kill("SIGKILL");
    await once(dead.process, "exit");
    const all = Array.from({ length: 4 }, () => contender(t, "try", path, 5));
    const answers = (
      await Promise.all(
        all.map(async ({ line }) => [await line(), await line(), await line(), await line(), await line()]),
      )
    ).flat();
    t.equal(answers.filter((answer) => answer === "held").length, 1);
    t.equal(answers.filter((answer) => answer === "dataInUse").length, 19);
  },
);

t.test(
  "waiters get in one after the other, each exactly once, the killed ones' places included",
  async (t) => {
    const path = join(await folder(t), "lock");
    const holder = contender(t, "try", path);
    await holder.line();
    let inside = 0;
    let most = 0;
    const waiting = Array.from({ length: 30 }, () =>
      withLock(path, async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside--;
      }),
    );
    const others = Array.from({ length: 3 }, () => contender(t, "wait", path));
    holder.process.kill("SIGKILL");
    await Promise.all(waiting);
    for (const other of others) t.same([await other.line(), await other.line()], ["in", "out"]);
    t.equal(most, 1);
  },
);

t.test("a holder knows whether others wait, and no longer once they are gone", async (t) => {
  const path = join(await folder(t), "lock");
  await withLock(path, async (lock) => {
    t.equal(lock.wanted, false);
    const other = contender(t, "wait", path);
    while (!lock.wanted) await new Promise((resolve) => setImmediate(resolve));
    other.process.kill("SIGKILL");
    while (lock.wanted) await new Promise((resolve) => setImmediate(resolve));
  });
});

t.test("work that fails gives the lock back", async (t) => {
  const path = join(await folder(t), "lock");
  await t.rejects(
    withLock(path, () => Promise.reject(new Error("no"))),
    { message: "no" },
  );
  t.equal(await withLock(path, () => Promise.resolve(1)), 1);
});

t.test("the lock of a folder with a long path is found by other processes too", async (t) => {
  const deep = join(await folder(t), "d".repeat(120));
  await mkdir(deep);
  const sockets = await folderForSockets(deep, ".s");
  t.not(sockets, deep);
  t.teardown(() => rm(sockets, { recursive: true }));
  const path = join(deep, `.lock-${"x".repeat(200)}`);
  const other = contender(t, "try", path);
  t.equal(await other.line(), "held");
  await t.rejects(acquireLock(path), { code: "dataInUse" });
  other.process.kill("SIGKILL");
  await once(other.process, "exit");
  const release = await acquireLock(path);
  await release();
  t.same([await readdir(deep), await readdir(sockets)], [[], []]);
});

t.test("what is not a lock of ours is left alone", async (t) => {
  const path = join(await folder(t), "lock");
  await symlink("/etc/passwd", path);
  await t.rejects(acquireLock(path), { code: "dataInUse", message: /not a lock that FastChat made/ });
});
