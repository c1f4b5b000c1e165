/** Copies of folders that are written to: complete as of the moment at which nobody writes any more. */
import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import t, { type Test } from "tap";
import { FolderCopy } from "../../src/backup/folder-copy.js";

const nothing = (): void => undefined;

async function filesIn(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found[path.slice(folder.length + 1)] = await readFile(path, "utf8");
  }
  return found;
}

function folders(t: Test): { from: string; to: string } {
  const root = t.testdir({ from: { base: { one: "1", two: "22" }, log: { first: "begun" }, top: "0" } });
  return { from: join(root, "from"), to: join(root, "to") };
}

t.test("whatever happens between the two rounds is in the copy", async (t) => {
  const { from, to } = folders(t);
  const copy = new FolderCopy(from, to, nothing);
  await copy.ahead();
  t.same(await filesIn(to), await filesIn(from));

  // Of the same length, and with the time of change that it had before: the file system's own mark tells.
  await writeFile(join(from, "base/one"), "2");
  await utimes(join(from, "base/one"), 0, 0);
  await writeFile(join(from, "base/two"), "longer than before");
  await rename(join(from, "log/first"), join(from, "log/second"));
  await mkdir(join(from, "new/folder"), { recursive: true });
  await writeFile(join(from, "new/folder/file"), "new");
  await rm(join(from, "top"));
  await copy.complete();
  t.same(await filesIn(to), {
    "base/one": "2",
    "base/two": "longer than before",
    "log/second": "begun",
    "new/folder/file": "new",
  });
});

t.test("a file that takes the place of another is copied, too", async (t) => {
  const { from, to } = folders(t);
  const copy = new FolderCopy(from, to, nothing);
  await writeFile(join(from, "spare"), "9");
  await copy.ahead();
  await rename(join(from, "spare"), join(from, "base/one"));
  await copy.complete();
  t.same(await filesIn(to), await filesIn(from));
});

t.test("it ends where it is told to", async (t) => {
  const { from, to } = folders(t);
  const copy = new FolderCopy(from, to, () => {
    throw new Error("enough");
  });
  await t.rejects(copy.ahead(), { message: "enough" });
});
