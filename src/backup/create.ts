/** Makes a backup: everything that a service needs to be itself again, in one file. */
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config.js";
import { RELEASE } from "../lb/release.js";
import { isThere, readPrivateFile } from "../node/private-file.js";
import { WholeFile } from "../node/whole-file.js";
import { FastChatError } from "../protocol/errors.js";
import type { Log } from "../protocol/runtime.js";
import { VERSION_FILE } from "../supervisor/data-folder.js";
import { SECRET_FILES } from "../supervisor/secrets.js";
import { writeBackupFile } from "./backup-file.js";
import { dumpDatabase } from "./dump.js";
import { encodeJson, type JsonRecord } from "./records.js";
import { withSnapshot } from "./snapshot.js";

export interface BackupOptions {
  readonly config: Config;
  /** Where it is written. */
  readonly file: string;
  /** Whether a file that is there gives way. */
  readonly replace: boolean;
  /** As prepared, to seal it; `null` to leave it open. */
  readonly password: string | null;
  readonly log: Log;
  readonly onStep?: (text: string) => void;
  /** Told how many rows have been read so far. */
  readonly onRows?: (count: number) => void;
  /** Ends the work and leaves nothing behind. */
  readonly signal?: AbortSignal;
}

export interface BackupReport {
  readonly file: string;
  readonly bytes: number;
  readonly sealed: boolean;
  /** ISO 8601, in UTC. */
  readonly madeAt: string;
  readonly release: string;
  readonly rows: number;
  /** How long writers had to wait, in milliseconds; `null` where none had to. */
  readonly heldMs: number | null;
}

/**
 * Backs up a service, running or stopped.
 *
 * @throws FastChatError `badRequest` (the file is there or cannot be written), `badConfig` (no complete data folder, a secret is
 *   missing), `databaseUnreachable`, `unavailable`, `dataNewer`, `dataDamaged`, `diskFull`; the signal's reason
 */
export async function createBackup(options: BackupOptions): Promise<BackupReport> {
  const { config, file, replace, password, log, onStep = () => undefined, signal } = options;
  if (!replace) await WholeFile.refuseIfThere(file);
  const folder = await completeFolder(config.dataDir);
  const check = (): void => signal?.throwIfAborted();
  return withSnapshot(folder, { config, log, onStep, check }, async (snapshot) => {
    const madeAt = new Date().toISOString();
    let rows = 0;
    const count = (more: number): void => {
      rows += more;
      options.onRows?.(rows);
    };
    onStep("reading the databases…");
    const events = { onRows: count, check };
    const bytes = await writeBackupFile(file, replace, password, async (write) => {
      await write(encodeJson({ type: "head", release: RELEASE, madeAt, ...snapshot.versions }));
      for (const secret of await secretsOf(folder)) await write(encodeJson(secret));
      for (const schema of ["service", "archive"] as const) {
        await snapshot.read(schema, async (tx) => {
          for await (const record of dumpDatabase(tx, schema, events)) await write(record);
        });
      }
      await write(encodeJson({ type: "end" }));
    });
    const { heldMs } = snapshot;
    return { file, bytes, sealed: password !== null, madeAt, release: RELEASE, rows, heldMs };
  });
}

async function completeFolder(wanted: string): Promise<string> {
  if (!(await isThere(join(wanted, VERSION_FILE)))) {
    throw new FastChatError(
      "badConfig",
      `${wanted} is not the data folder of a service that was started; name it with --data.`,
    );
  }
  return realpath(wanted);
}

async function secretsOf(folder: string): Promise<JsonRecord[]> {
  const secrets: JsonRecord[] = [];
  for (const { name, required } of SECRET_FILES) {
    const content = await readPrivateFile(join(folder, name));
    if (content !== null) secrets.push({ type: "secret", name, content: content.toString("base64") });
    else if (required) throw new FastChatError("badConfig", `${join(folder, name)} is missing.`);
  }
  return secrets;
}
