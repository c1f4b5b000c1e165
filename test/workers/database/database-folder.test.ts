import { mkdir, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import t, { type Test } from "tap";
import { FastChatError } from "../../../src/protocol/errors.js";
import { prepareFolder } from "../../../src/workers/database/database-folder.js";
import { readRows } from "../../../src/workers/database/backend.js";
import { queryMessage } from "../../../src/workers/database/batch.js";
import { Engine, ENGINE_VERSION } from "../../../src/workers/database/engine.js";
import { shortFolder } from "./running-database.js";
import { copyTemplate } from "./template-folder.js";

/** Why preparing and opening a folder fails, as code and message. */
async function refusal(folder: string): Promise<string> {
  try {
    await prepareFolder(folder);
    await Engine.open(folder);
    return "opened";
  } catch (error) {
    return error instanceof FastChatError ? `${error.code}: ${error.message}` : String(error);
  }
}

async function copied(t: Test): Promise<string> {
  const folder = join(await shortFolder(t), "data");
  await copyTemplate(folder);
  return folder;
}

await t.test("a new folder gets a database of its own, private and whole", async (t) => {
  const folder = join(await shortFolder(t), "deep", "data");
  // Of a first start that was killed.
  await mkdir(`${folder}.new`, { recursive: true });
  await writeFile(join(`${folder}.new`, "PG_VERSION"), "half");
  await prepareFolder(folder);
  t.same(await readdir(join(folder, "..")), ["data"], "nothing else is left");
  const open: string[] = [];
  for (const entry of await readdir(folder, { recursive: true })) {
    if (((await stat(join(folder, entry))).mode & 0o077) !== 0) open.push(entry);
  }
  t.same(open, [], "nobody else can read any of it");
  t.equal((await stat(folder)).mode & 0o777, 0o700);
  t.equal((await readFile(join(folder, "PG_VERSION"), "utf8")).trim(), String(ENGINE_VERSION));

  const engine = await Engine.open(folder);
  t.teardown(() => engine.close());
  t.match(engine.parameters.get("server_version"), new RegExp(`^${ENGINE_VERSION}\\.`));
  const chunks: Uint8Array[] = [];
  engine.run(queryMessage("SELECT datname FROM pg_database"), (chunk) => chunks.push(chunk));
  t.same(readRows(Buffer.concat(chunks)), [["postgres"]], "without templates that nothing would ever vacuum");
});

await t.test("a database of another version is not touched", async (t) => {
  const folder = join(await shortFolder(t), "data");
  await mkdir(folder);
  const version = join(folder, "PG_VERSION");
  await writeFile(version, "99\n");
  t.equal(
    await refusal(folder),
    `dataNewer: The database in ${folder} was written by PostgreSQL 99; this FastChat brings ${ENGINE_VERSION}.`,
  );
  for (const text of ["17\n", "", "\0\0\0"]) {
    await writeFile(version, text);
    t.match(await refusal(folder), /^dataDamaged: .*is of version/);
  }
  t.same(await readdir(folder), ["PG_VERSION"]);
});

await t.test("a folder that holds something else is not taken for an empty one", async (t) => {
  const folder = await shortFolder(t);
  await writeFile(join(folder, "holiday.jpg"), "");
  t.equal(await refusal(folder), `dataDamaged: ${folder} is not empty, but holds no database.`);
});

await t.test("a damaged database does not start, and says why in one sentence", async (t) => {
  const damaged = await copied(t);
  await writeFile(join(damaged, "global", "pg_control"), Buffer.alloc(8192));
  t.match(await refusal(damaged), /^dataDamaged: The database in \S+ does not start: .{10,}\.$/);
});

await t.test("a database that lacks a piece of its log does not start either", async (t) => {
  const damaged = await copied(t);
  const [log = ""] = (await readdir(join(damaged, "pg_wal"))).filter((name) => /^[0-9A-F]{24}$/.test(name));
  await truncate(join(damaged, "pg_wal", log), 8192);
  t.match(await refusal(damaged), /^dataDamaged: .*checkpoint/);
});

await t.test("a folder that cannot be made is named", async (t) => {
  const root = await shortFolder(t);
  await writeFile(join(root, "file"), "");
  t.match(
    await refusal(join(root, "file", "data")),
    /^badConfig: The folder \S+data cannot be read and written\.$/,
  );
  t.match(await refusal(join(root, "file")), /^badConfig: /);
});
