/** `fastchat-system` as people start it: a process of its own, on a folder. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";

const SYSTEM = fileURLToPath(new URL("../../src/system.js", import.meta.url));

export interface SpawnedSystem {
  /** Its address, with the pin. */
  readonly server: string;
  /** What it has printed so far. */
  log(): string;
  /** Asks it to stop, and waits until it has. */
  stop(): Promise<void>;
}

export interface Operated {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs an operator's command as people do, to its end. */
export async function operate(data: string, args: readonly string[]): Promise<Operated> {
  const child = spawn(process.execPath, [SYSTEM, ...args, "--data", data], {
    env: { PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(child, "close") as Promise<[number | null]>;
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code, stdout, stderr };
}

/**
 * Starts a system with the cheapest password hash and ports that the machine chooses. It is stopped at the end of the test.
 *
 * @param data its folder, which is there
 * @param settings as variables
 */
export async function spawnSystem(
  t: Test,
  data: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<SpawnedSystem> {
  const child = spawn(
    process.execPath,
    [SYSTEM, "--port", "0", "--servers", "2", "--data", data, "--log", "json"],
    {
      env: {
        PATH: process.env["PATH"] ?? "",
        FASTCHAT_PASSWORD_ITERATIONS: "1",
        FASTCHAT_PASSWORD_MEMORY_KIB: "8",
        FASTCHAT_PASSWORD_PARALLELISM: "1",
        ...settings,
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await gone;
  };
  t.teardown(stop);
  const address = join(data, "address");
  const written = new Promise<void>((resolve) => {
    const watcher = watch(data, () => {
      if (existsSync(address)) resolve();
    });
    t.teardown(() => watcher.close());
    if (existsSync(address)) resolve();
  });
  const early = gone.then(() => Promise.reject(new Error(`the system did not start:\n${log}`)));
  await Promise.race([written, early]);
  early.catch(() => undefined);
  return { server: (await readFile(address, "utf8")).trim(), log: () => log, stop };
}
