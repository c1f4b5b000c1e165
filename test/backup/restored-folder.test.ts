/** The folder that a backup is restored into: never half of one that could be started. */
import promises, { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import t from "tap";
import { openRestoredFolder } from "../../src/backup/restored-folder.js";
import { openDataFolder } from "../../src/supervisor/data-folder.js";
import { SECRET_FILES } from "../../src/supervisor/secrets.js";

const [secret] = SECRET_FILES;
const SECRET = secret?.name ?? "";

t.afterEach(() => syncBuiltinESMExports());

async function visible(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => !/^\.?lock/.test(name));
}

t.test("a new folder is complete once it is said to be, and a start takes it", async (t) => {
  const path = join(t.testdir(), "some", "new");
  const folder = await openRestoredFolder(path);
  t.equal((await stat(path)).mode & 0o777, 0o700);
  await t.rejects(openRestoredFolder(path), { code: "dataInUse" });
  await t.rejects(openDataFolder(path), {
    code: "dataDamaged",
    message: /A restore into .* has not come to its end/,
  });
  await writeFile(join(path, SECRET), "secret");
  await folder.complete();
  await folder.release();
  t.same((await visible(path)).sort(), [SECRET, "version"].sort());
  const started = await openDataFolder(path);
  t.notOk(started.first, "nothing is made anew there");
  await started.release();
});

t.test("one that a start would take is not emptied, whatever fails then", async (t) => {
  const path = t.testdir({});
  const folder = await openRestoredFolder(path);
  await writeFile(join(path, SECRET), "secret");
  // To make a folder's names last it is opened.
  const disk = (): Promise<never> => Promise.reject(new Error("disk"));
  t.intercept(promises, "open", { value: disk });
  syncBuiltinESMExports();
  await t.rejects(folder.complete(), { message: "disk" });
  await folder.release();
  t.same((await visible(path)).sort(), [SECRET, "version"].sort());
});

t.test("one that was given up is as it was before", async (t) => {
  const root = t.testdir({ empty: {} });
  for (const name of ["empty", "new"]) {
    const path = join(root, name);
    const folder = await openRestoredFolder(path);
    await writeFile(join(path, SECRET), "secret");
    await mkdir(join(path, "service/base"), { recursive: true });
    await folder.release();
  }
  t.same(await readdir(root), ["empty"]);
  t.same(await readdir(join(root, "empty")), []);
});

t.test(
  "what a restore left that was killed is started by nobody, and gives way to the next restore",
  async (t) => {
    const path = t.testdir({ restoring: "1\n", [SECRET]: "old", service: { base: {} }, sockets: {} });
    await t.rejects(openDataFolder(path), { code: "dataDamaged" });
    const folder = await openRestoredFolder(path);
    t.same(await visible(path), ["restoring"]);
    await folder.complete();
    await folder.release();
    t.equal(await readFile(join(path, "version"), "utf8"), "1\n");
  },
);

t.test("a folder that holds anything is left alone", async (t) => {
  const root = t.testdir({
    theirs: { "holiday.jpg": "" },
    begun: { [SECRET]: "of a first start" },
    complete: { version: "1\n" },
    mixed: { restoring: "1\n", "holiday.jpg": "" },
  });
  for (const name of ["theirs", "begun", "complete", "mixed"]) {
    const path = join(root, name);
    const before = await readdir(path);
    await t.rejects(openRestoredFolder(path), { code: "badConfig", message: /is not empty: it holds/ }, name);
    t.same(await readdir(path), before);
  }
  await writeFile(join(root, "file"), "");
  await t.rejects(openRestoredFolder(join(root, "file")), { code: "badConfig" });
});
