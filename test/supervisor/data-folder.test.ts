/** The data folder: made, locked, refused. */
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import t, { type Test } from "tap";
import { DATA_VERSION, openDataFolder } from "../../src/supervisor/data-folder.js";

async function emptyFolder(t: Test): Promise<string> {
  const path = await mkdtemp("/tmp/fastchat-test-");
  t.teardown(() => rm(path, { recursive: true }));
  return path;
}

t.test("a first start makes the folder, closed to others, and the next one finds it complete", async (t) => {
  const path = join(await emptyFolder(t), "deep", "data");
  const first = await openDataFolder(path);
  t.equal((await stat(path)).mode & 0o777, 0o700);
  t.equal(first.first, true);
  await first.release();
  const again = await openDataFolder(path);
  t.equal(again.first, true, "a start that was not complete is none");
  await again.markComplete();
  await again.release();
  const later = await openDataFolder(path);
  t.equal(later.first, false);
  await later.release();
});

t.test("a folder in use is refused", async (t) => {
  const path = await emptyFolder(t);
  const folder = await openDataFolder(path);
  await t.rejects(openDataFolder(path), {
    code: "dataInUse",
    message: `${path} is in use by another process.`,
  });
  await folder.release();
});

t.test("a folder of a newer version, or with a damaged one, is refused and stays free", async (t) => {
  const path = await emptyFolder(t);
  const version = join(path, "version");
  await writeFile(version, `${DATA_VERSION + 1}\n`);
  await t.rejects(openDataFolder(path), { code: "dataNewer", message: /newer FastChat wrote this folder/ });
  await writeFile(version, "one\n");
  await t.rejects(openDataFolder(path), { code: "badConfig", message: /version is damaged/ });
  await writeFile(version, `${DATA_VERSION}\n`);
  await (await openDataFolder(path)).release();
});

t.test("a folder of something else is left alone", async (t) => {
  const path = await emptyFolder(t);
  await writeFile(join(path, "thesis.doc"), "");
  await chmod(path, 0o755);
  await t.rejects(openDataFolder(path), {
    code: "badConfig",
    message: `${path} is not a data folder of FastChat: it holds "thesis.doc". Name an empty or a new folder with --data.`,
  });
  t.equal((await stat(path)).mode & 0o777, 0o755);
  t.same(await readdir(path), ["thesis.doc"]);
  await t.rejects(openDataFolder(join(path, "thesis.doc")), {
    code: "badConfig",
    message: /is not a folder/,
  });
  await t.rejects(openDataFolder(join(path, "thesis.doc", "data")), {
    code: "badConfig",
    message: /cannot be used/,
  });
});

t.test("what an interrupted start left does not keep the next one away", async (t) => {
  const path = await emptyFolder(t);
  for (const name of ["certificate.key", "lock.tmp.0123", ".tmp-0123456789abcdef", "address"]) {
    await writeFile(join(path, name), "");
  }
  await t.rejects(
    openDataFolder(path),
    { code: "badConfig" },
    "an address is written by a complete start only",
  );
  await rm(join(path, "address"));
  const folder = await openDataFolder(path);
  t.notOk((await readdir(path)).includes(".tmp-0123456789abcdef"));
  await folder.release();
});

t.test("the address is there while the service is, and no longer", async (t) => {
  const path = await emptyFolder(t);
  const folder = await openDataFolder(path);
  await folder.markComplete();
  await folder.writeAddress("fastchat://127.0.0.1:7440#pin");
  t.equal(await readFile(join(path, "address"), "utf8"), "fastchat://127.0.0.1:7440#pin\n");
  await folder.release();
  // As after a kill: the next start takes the old address away before anything else listens.
  const next = await openDataFolder(path);
  t.notOk((await readdir(path)).includes("address"));
  next.removeAddress();
  await next.release();
});
