/**
 * A new database's folder, made once on this machine and copied from then on: making one takes three seconds, copying
 * it a tenth of that.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { cp, mkdir, rename, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { prepareFolder } from "../../../src/workers/database/database-folder.js";

const PACKAGE = createRequire(import.meta.url).resolve("@electric-sql/pglite");

/** Named for the engine's version, since another one may make another folder. */
function templateFolder(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(dirname(PACKAGE), "../package.json"), "utf8"));
  const { version } = manifest as { version: string };
  const cache = fileURLToPath(new URL("../../../../node_modules/.cache/fastchat/", import.meta.url));
  return join(cache, `database-${version}`);
}

/** Copies the folder of a new database to `folder`, which must not be there. */
export async function copyTemplate(folder: string): Promise<void> {
  const template = templateFolder();
  if (!(await exists(template))) await make(template);
  await cp(template, folder, { recursive: true, mode: 0, preserveTimestamps: false });
}

async function make(template: string): Promise<void> {
  await mkdir(dirname(template), { recursive: true });
  const unfinished = `${template}.${randomBytes(6).toString("hex")}`;
  await prepareFolder(unfinished);
  try {
    await rename(unfinished, template);
  } catch (error) {
    // Another test file was first.
    await rm(unfinished, { recursive: true });
    if (!(await exists(template))) throw error;
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
