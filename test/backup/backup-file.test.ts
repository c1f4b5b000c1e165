/** The file of a backup: whole or not at all, and taken only where not a byte of it was changed. */
import { createHash } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import t, { type Test } from "tap";
import { BackupFile, writeBackupFile } from "../../src/backup/backup-file.js";
import { encodeJson, encodeRows, type BackupRecord, type JsonRecord } from "../../src/backup/records.js";

const PASSWORD = "correct horse battery";
const DAMAGED = { code: "backupDamaged" };
const END: JsonRecord = { type: "end" };
const SECRET: JsonRecord = { type: "secret", name: "opaque-setup", content: "c2VjcmV0" };

const noPassword = (): Promise<string> => Promise.reject(new Error("nobody was to be asked"));

async function write(
  path: string,
  records: readonly JsonRecord[],
  password: string | null = null,
  replace = false,
): Promise<number> {
  return writeBackupFile(path, replace, password, async (put) => {
    for (const record of records) await put(encodeJson(record));
  });
}

async function read(path: string, password = noPassword): Promise<BackupRecord[]> {
  const records: BackupRecord[] = [];
  for await (const record of (await BackupFile.open(path, password)).records()) records.push(record);
  return records;
}

/** A file with a digest that fits, whatever stands in it. */
function withDigest(...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([content, createHash("sha256").update(content).digest()]);
}

async function names(t: Test): Promise<string[]> {
  return readdir(t.testdirName);
}

t.test("what was written is read, by its owner only", async (t) => {
  const file = join(t.testdir(), "backup");
  const bytes = await write(file, [SECRET, END]);
  const content = await readFile(file);
  t.equal(bytes, content.length);
  t.equal((await stat(file)).mode & 0o777, 0o600);
  t.same(await names(t), ["backup"], "and nothing else is left");
  t.same(await read(file), [SECRET, END]);
  // By the layout, without our reader.
  t.equal(content.subarray(0, 9).toString("latin1"), "FCBACKUP\u0001");
  t.same(gunzipSync(content.subarray(9, -32)), Buffer.concat([encodeJson(SECRET), encodeJson(END)]));
  t.same(content, withDigest(content.subarray(0, -32)));
});

t.test("a large backup passes through in pieces", async (t) => {
  const file = join(t.testdir(), "backup");
  const row = [Buffer.alloc(1024 * 1024, "row")];
  await writeBackupFile(file, false, null, async (put) => {
    for (let count = 0; count < 20; count++) await put(encodeRows([row]));
  });
  t.equal((await read(file)).length, 20);
});

t.test("a file that is there stays as it is, unless it is to give way", async (t) => {
  const file = join(t.testdir({ backup: "mine" }), "backup");
  await t.rejects(write(file, [END]), { code: "badRequest", message: /there already/ });
  t.equal(await readFile(file, "utf8"), "mine");
  await write(file, [END], null, true);
  t.same(await read(file), [END]);
  await t.rejects(write(join(t.testdirName, "none", "backup"), [END]), { code: "badRequest" });
});

t.test("a backup that fails on the way leaves nothing, and the one before it", async (t) => {
  const file = join(t.testdir({ backup: "of last week" }), "backup");
  const failing = writeBackupFile(file, true, null, async (put) => {
    await put(encodeJson(SECRET));
    throw new Error("the database is away");
  });
  await t.rejects(failing, { message: "the database is away" });
  t.same(await names(t), ["backup"]);
  t.equal(await readFile(file, "utf8"), "of last week");
});

t.test("one that was cut short is refused, wherever it was", async (t) => {
  const file = join(t.testdir(), "backup");
  await write(file, [SECRET, END]);
  const content = await readFile(file);
  for (let end = 0; end < content.length; end++) {
    await writeFile(file, content.subarray(0, end));
    await t.rejects(BackupFile.open(file, noPassword), DAMAGED, `after ${end} bytes`);
  }
  await writeFile(file, Buffer.concat([content, Buffer.of(0)]));
  await t.rejects(BackupFile.open(file, noPassword), DAMAGED, "and with something behind it");
});

t.test("one with any byte changed is refused", async (t) => {
  const file = join(t.testdir(), "backup");
  await write(file, [SECRET, END]);
  const content = await readFile(file);
  for (let at = 0; at < content.length; at++) {
    const changed = Buffer.from(content);
    changed[at] = (changed[at] ?? 0) ^ 0x80;
    await writeFile(file, changed);
    // Of the version it is said that it is a later one.
    await t.rejects(
      BackupFile.open(file, noPassword),
      { code: at === 8 ? "dataNewer" : "backupDamaged" },
      `byte ${at}`,
    );
  }
});

t.test("a later version says so, and what else there is is no backup", async (t) => {
  const file = join(t.testdir({ folder: {} }), "backup");
  const magic = Buffer.from("FCBACKUP");
  await writeFile(file, withDigest(magic, Buffer.of(2), Buffer.from("whatever a later release writes")));
  await t.rejects(BackupFile.open(file, noPassword), { code: "dataNewer", message: /version 2.*version 1/ });
  await writeFile(file, withDigest(magic, Buffer.of(0), gzipSync(encodeJson(END))));
  await t.rejects(BackupFile.open(file, noPassword), DAMAGED);
  await writeFile(file, "some text that somebody wrote, and that is long enough to have a digest");
  await t.rejects(BackupFile.open(file, noPassword), DAMAGED);
  // A digest that fits proves no form.
  await writeFile(file, withDigest(magic, Buffer.of(1), Buffer.from("this is not compressed")));
  await t.rejects(read(file), DAMAGED);
  await t.rejects(BackupFile.open(join(t.testdirName, "folder"), noPassword), { code: "badRequest" });
  await t.rejects(BackupFile.open(join(t.testdirName, "none"), noPassword), { code: "badRequest" });
});

t.test("a sealed one opens by its password alone, which is asked for once", async (t) => {
  const file = join(t.testdir(), "backup");
  await write(file, [SECRET, END], PASSWORD);
  const content = await readFile(file);
  t.equal(content.subarray(0, 8).toString("latin1"), "FCSEALED");
  t.equal((await stat(file)).mode & 0o777, 0o600);
  let asked = 0;
  const password = (): Promise<string> => {
    asked += 1;
    return Promise.resolve(PASSWORD);
  };
  t.same(await read(file, password), [SECRET, END]);
  t.equal(asked, 1);
  const failure = { code: "undecryptable", message: /the password is another, or the file was damaged/ };
  await t.rejects(
    BackupFile.open(file, () => Promise.resolve("another")),
    failure,
  );
  await writeFile(file, content.subarray(0, -1));
  await t.rejects(BackupFile.open(file, password), failure);
});
