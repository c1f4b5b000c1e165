/** Files that hold secrets. */
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import t from "tap";
import {
  makePrivateFolder,
  readPrivateFile,
  spaceError,
  writePrivateFile,
} from "../../src/node/private-file.js";

async function mode(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

t.test("a written file is its owner's alone, whatever stood there before", async (t) => {
  const path = join(t.testdir(), "secret");
  await writeFile(path, "old");
  await chmod(path, 0o644);
  await writePrivateFile(path, "new");
  t.equal(await readFile(path, "utf8"), "new");
  t.equal(await mode(path), "600");
  await writePrivateFile(path, Uint8Array.of(1, 2));
  t.same([...((await readPrivateFile(path)) ?? [])], [1, 2]);
});

t.test("a write that fails leaves the old file and nothing else", async (t) => {
  const folder = t.testdir({ secret: { inside: "a folder cannot be replaced by a file" } });
  await t.rejects(writePrivateFile(join(folder, "secret"), "x"));
  t.same(await readdir(folder), ["secret"]);
});

t.test("a file that others could read is narrowed, and somebody is told", async (t) => {
  const path = join(t.testdir({ secret: "s" }), "secret");
  await chmod(path, 0o644);
  const told: string[] = [];
  t.equal((await readPrivateFile(path, (file) => told.push(file)))?.toString(), "s");
  t.equal(await mode(path), "600");
  await readPrivateFile(path, (file) => told.push(file));
  t.same(told, [path], "once");
});

t.test("a file that is not there is none, and not an error", async (t) => {
  t.equal(await readPrivateFile(join(t.testdir(), "absent")), null);
});

t.test("a private folder is closed to others, also where it was open", async (t) => {
  const path = join(t.testdir(), "a", "b");
  await makePrivateFolder(path);
  t.equal(await mode(path), "700");
  await chmod(path, 0o755);
  await makePrivateFolder(path);
  t.equal(await mode(path), "700");
  await mkdir(join(path, "c"), { mode: 0o755 });
  t.equal(await mode(join(path, "c")), "755", "what lies in it is not touched");
});

t.test("a disk without space has a code of its own", async (t) => {
  for (const code of ["ENOSPC", "EDQUOT"]) {
    const error = Object.assign(new Error("no"), { code });
    t.match(spaceError(error, "/x"), { code: "diskFull", message: "There is no space left to write /x." });
  }
  const other = Object.assign(new Error("no"), { code: "EACCES" });
  t.equal(spaceError(other, "/x"), other);
});
