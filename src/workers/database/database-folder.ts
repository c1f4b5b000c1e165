/** The folder of a database: made once, whole or not at all, and looked at before the engine opens it. */
import { chmod, open, readdir, readFile, rename, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { FastChatError, isErrorCode, type ErrorRecord } from "../../protocol/errors.js";
import { makePrivateFolder, spaceError, syncFolder, systemCode } from "../../node/private-file.js";
import { ENGINE_VERSION } from "./engine.js";

/** The engine needs a file of its log, 16 MiB, to recover and to stop in order. */
const NEEDED_BYTES = 24 * 1024 * 1024;

/**
 * Makes a folder ready to be opened: creates the database in it at the first start.
 *
 * @param folder of the database's files; it and those above it are made if they are not there
 * @throws FastChatError `badConfig` (the folder cannot be read or written), `diskFull`, `dataNewer`, `dataDamaged`
 */
export async function prepareFolder(folder: string): Promise<void> {
  try {
    await makePrivateFolder(folder);
    const version = await readVersion(folder);
    await checkSpace(folder);
    if (version === null) await create(folder);
    else checkVersion(folder, version);
  } catch (error) {
    throw folderError(error, folder);
  }
}

/** What PG_VERSION says; `null` for an empty folder. */
async function readVersion(folder: string): Promise<string | null> {
  try {
    return (await readFile(join(folder, "PG_VERSION"), "utf8")).trim();
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
  if ((await readdir(folder)).length === 0) return null;
  throw new FastChatError("dataDamaged", `${folder} is not empty, but holds no database.`);
}

function checkVersion(folder: string, version: string): void {
  const major = /^\d+$/.test(version) ? Number(version) : 0;
  if (major === ENGINE_VERSION) return;
  if (major > ENGINE_VERSION) {
    throw new FastChatError(
      "dataNewer",
      `The database in ${folder} was written by PostgreSQL ${major}; this FastChat brings ${ENGINE_VERSION}.`,
    );
  }
  throw new FastChatError(
    "dataDamaged",
    `The database in ${folder} says that it is of version "${version.slice(0, 20)}"; ${ENGINE_VERSION} is needed.`,
  );
}

async function checkSpace(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= NEEDED_BYTES) return;
  throw new FastChatError("diskFull", `There is no space left for the database in ${folder}.`);
}

/** Under another name first: a crash in the middle must not leave half a database. */
async function create(folder: string): Promise<void> {
  const unfinished = `${folder}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await makePrivateFolder(unfinished);
  await initialise(unfinished);
  await settle(unfinished);
  await rename(unfinished, folder);
  await syncFolder(dirname(folder));
}

/** In a thread of its own, whose 500 MB are given back when it ends. */
function initialise(folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./initialise.js", import.meta.url), {
      workerData: folder,
      env: {},
    });
    let answer: ErrorRecord | null | undefined;
    worker.on("message", (message: ErrorRecord | null) => {
      answer = message;
    });
    worker.on("error", reject);
    worker.on("exit", () => {
      if (answer === null) resolve();
      else if (answer !== undefined && isErrorCode(answer.code)) {
        reject(new FastChatError(answer.code, answer.message));
      } else reject(new FastChatError("internal", `The database in ${folder} could not be made.`));
    });
  });
}

/** Makes all files and folders under `folder` private and durable: PGlite fills a new one without fsync, mode 0666. */
async function settle(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await settle(path);
    else {
      await chmod(path, 0o600);
      const file = await open(path, "r+");
      try {
        await file.sync();
      } finally {
        await file.close();
      }
    }
  }
  await chmod(folder, 0o700);
  await syncFolder(folder);
}

function folderError(error: unknown, folder: string): unknown {
  if (error instanceof FastChatError) return error;
  switch (systemCode(error)) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "ENOTDIR":
    case "EEXIST":
      return new FastChatError("badConfig", `The folder ${folder} cannot be read and written.`, undefined, {
        cause: error,
      });
    default:
      return spaceError(error, folder);
  }
}
