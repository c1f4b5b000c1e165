/**
 * What must not be found with the service: canaries planted in a story, and anything that would tie an archive to an account
 * (SECURITY.md, "What is stored").
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import t from "tap";
import { readAccount } from "../../src/client/core/account-file.js";
import { DeviceFiles } from "../../src/client/core/device-files.js";
import { FileStorage } from "../../src/client/node/storage.js";
import { fromBase64Url } from "../../src/protocol/bytes.js";
import { run } from "../client/cli/run.js";
import { spawnSystem } from "./spawned.js";

const TEXT = "canary text \u00e9 7f3a9c";
const PASSWORD = "canary password 51d2e8";
const DEVICE = "canary device 90aa17";
const folder = t.testdir({ data: {}, alice: {}, laptop: {}, bob: {} });
const data = join(folder, "data");

/** Every form in which some bytes might be found: raw, in hexadecimal, and as base64 of either alphabet at any offset. */
function formsOf(canary: Uint8Array): Buffer[] {
  const bytes = Buffer.from(canary);
  const hex = bytes.toString("hex");
  const forms = [bytes, Buffer.from(hex), Buffer.from(hex.toUpperCase())];
  for (const offset of [0, 1, 2]) {
    // Without the characters at both ends that neighbours have a part in.
    const padded = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const inner = padded.slice(Math.ceil((offset * 4) / 3), padded.length - 1);
    forms.push(Buffer.from(inner), Buffer.from(inner.replaceAll("+", "-").replaceAll("/", "_")));
  }
  return forms;
}

/** All that alice's devices keep to themselves, by what it is. */
async function canaries(): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>([
    ["a text", Buffer.from(TEXT)],
    ["a password", Buffer.from(PASSWORD)],
  ]);
  for (const home of ["alice", "laptop"]) {
    const files = await DeviceFiles.open(new FileStorage(join(folder, home, "device")));
    const account = await readAccount(files);
    if (account === null) throw new Error(`${home} is not signed in`);
    const { identitySeed, encryptionKeys, archive } = account.vault;
    const privateKey = encryptionKeys[0]?.privateKey;
    if (privateKey === undefined) throw new Error("there is no key");
    found.set(`the session token of ${home}`, fromBase64Url(account.token) ?? new Uint8Array());
    found.set("the identity's seed", identitySeed);
    // Its middle: the beginning is the same for every key.
    found.set("the private key", privateKey.subarray(400, 464));
    found.set("the archive's token", archive.token);
    found.set("the archive's key", archive.key);
    found.set("the archive's index key", archive.indexKey);
  }
  for (const [what, bytes] of found)
    if (bytes.length < 16) throw new Error(`${what} is too short to look for`);
  return found;
}

async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

interface Column {
  readonly name: string;
  readonly values: readonly unknown[];
}

/** Every column of every table of a database, with all its values. */
async function columnsOf(path: string): Promise<Column[]> {
  const db = await PGlite.create(path);
  try {
    const { rows } = await db.query<{ name: string; column: string }>(
      `SELECT table_name AS name, column_name AS "column" FROM information_schema.columns
       WHERE table_schema = 'public' ORDER BY table_name, ordinal_position`,
    );
    const columns: Column[] = [];
    for (const { name, column } of rows) {
      const { rows: values } = await db.query<{ value: unknown }>(
        `SELECT "${column}" AS value FROM "${name}"`,
      );
      columns.push({ name: `${name}.${column}`, values: values.map(({ value }) => value) });
    }
    return columns;
  } finally {
    await db.close();
  }
}

/** The bytes that a value stands for, in each way that it may be read. */
function readingsOf(value: unknown): Buffer[] {
  if (value === null || typeof value === "boolean") return [];
  if (value instanceof Uint8Array) return [Buffer.from(value)];
  if (value instanceof Date) return [Buffer.from(`time ${value.getTime()}`)];
  if (typeof value === "number" || typeof value === "bigint") {
    const number = Buffer.alloc(8);
    number.writeBigInt64BE(BigInt(value));
    // A small one is no value of eight bytes: it is the same in many places.
    return BigInt(value) > 0xffffffffn ? [number] : [];
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const readings = [Buffer.from(text), Buffer.from(text.replaceAll("-", ""), "hex")];
  if (/^[A-Za-z0-9_-]+$/.test(text)) readings.push(Buffer.from(text, "base64url"));
  return readings;
}

t.test("a story with secrets in it", async (t) => {
  const system = await spawnSystem(t, data);
  const as = async (home: string, args: readonly string[]): Promise<string> => {
    const env = { FASTCHAT_PASSWORD: PASSWORD, FASTCHAT_LABORATORY: "accept-weak-stretching" };
    const ended = await run(args, { home: join(folder, home), env });
    t.equal(ended.code, 0, `${args[0]}: ${ended.stderr}`);
    return ended.stdout;
  };
  await as("alice", ["register", "alice", "--server", system.server, "--device", DEVICE]);
  await as("bob", ["register", "bob", "--server", system.server]);
  await as("alice", ["send", "bob", TEXT]);
  await as("bob", ["send", "alice", `${TEXT} too`]);
  await as("bob", ["pending"]);
  await as("laptop", ["login", "alice", "--server", system.server, "--device", DEVICE]);
  await as("laptop", ["pending"]);
  await as("laptop", ["chats", "pin", "bob"]);
  await as("laptop", ["search", "canary"]);
  const plan = join(folder, "plan.txt");
  await writeFile(plan, `${TEXT} as a file`);
  await as("alice", ["send", "bob", "--file", plan, TEXT]);
  await as("bob", ["pending"]);
  await as("bob", ["save", "alice", "--to", join(folder, "saved.txt")]);
  t.equal(await readFile(join(folder, "saved.txt"), "utf8"), `${TEXT} as a file`);
  for (const home of ["alice", "laptop", "bob"]) await as(home, ["check"]);
  t.match(await as("alice", ["history", "bob"]), TEXT);
  // It waits in the database.
  await as("alice", ["send", "bob", `${TEXT} again`]);
  const log = system.log();
  await system.stop();

  const secrets = await canaries();
  const databases = {
    service: await columnsOf(join(data, "service")),
    archive: await columnsOf(join(data, "archive")),
  };
  const rows = (name: string, database: readonly Column[]): number =>
    database.find((column) => column.name === name)?.values.length ?? 0;
  t.equal(rows("accounts.id", databases.service), 2);
  // The message, and perhaps what tells its author of it.
  t.ok(rows("deliveries.message", databases.service) >= 1);
  t.equal(rows("file_grants.mib", databases.service), 1);
  t.equal(rows("file_chunks.sealed", databases.archive), 1);
  t.ok(rows("entries.sealed", databases.archive) >= 6);
  t.ok(rows("chats.note", databases.archive) >= 2);

  await t.test("no canary is in any file of the data folder, nor in the log", async (t) => {
    const files = await filesIn(data);
    t.ok(files.length > 20, `${files.length} files`);
    const contents = await Promise.all(files.map((file) => readFile(file)));
    // That it can be found at all: what is meant to be there is.
    t.ok(contents.some((content) => content.includes(DEVICE)));
    for (const [what, canary] of secrets) {
      for (const form of formsOf(canary)) {
        const where = files.filter((_, index) => contents[index]?.includes(form));
        t.same(where, [], what);
        t.notOk(log.includes(form.toString("latin1")), `${what} in the log`);
      }
    }
  });

  await t.test("no canary is in any row of a database", async (t) => {
    for (const column of [...databases.service, ...databases.archive]) {
      const readings = column.values.flatMap(readingsOf);
      for (const [what, canary] of secrets) {
        const found = formsOf(canary).some((form) => readings.some((reading) => reading.includes(form)));
        t.notOk(found, `${what} in ${column.name}`);
      }
    }
  });

  await t.test("no value joins a row of the service's database to one of the archive's", async (t) => {
    /** Of at least eight bytes, by what they are in hexadecimal: the columns that have them. */
    const valuesOf = (columns: readonly Column[]): Map<string, string> => {
      const values = new Map<string, string>();
      for (const { name, values: own } of columns) {
        // Names of releases' steps, and when they were taken: they stand in every database of FastChat.
        if (name.startsWith("schema_versions.")) continue;
        for (const reading of own.flatMap(readingsOf)) {
          if (reading.length >= 8) values.set(reading.toString("hex"), name);
        }
      }
      return values;
    };
    const [service, archive] = [valuesOf(databases.service), valuesOf(databases.archive)];
    t.ok(service.size > 20 && archive.size > 20, `${service.size} and ${archive.size} values`);
    const shared = [...service].filter(([value]) => archive.has(value));
    t.same(shared, []);
    // Nor a part of one: an id within a larger value.
    const whole = [...archive.keys()].join(" ");
    const parts = [...service].filter(([value]) => value.length >= 16 && whole.includes(value));
    t.same(parts, []);
  });
});
