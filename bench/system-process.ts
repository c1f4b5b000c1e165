/** Starts `system` as a process of its own, in a folder of its own, and ends it again. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, watch } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAddress, type ServiceAddress } from "../src/protocol/address.js";

/** How long a system may take to be ready, in milliseconds. */
const READY_MS = 120_000;

export interface SystemProcess {
  readonly address: ServiceAddress;
  /** Stops the system in order and removes its folder. */
  stop(): Promise<void>;
}

/**
 * @param settings variables as `FASTCHAT_LIMITS_SEND_WINDOW`; ports are free ones and everything is on loopback
 * @throws Error with what the system wrote, where it ends before it is ready
 */
export async function startSystem(settings: Readonly<Record<string, string>>): Promise<SystemProcess> {
  const folder = await mkdtemp(join(tmpdir(), "fastchat-bench-"));
  const data = join(folder, "data");
  const entry = fileURLToPath(new URL("../src/system.js", import.meta.url));
  const child = spawn(process.execPath, [entry, "--port", "0", "--data", data, "--log", "json"], {
    env: { PATH: process.env["PATH"], HOME: folder, ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = lastWords(child);
  const exited = once(child, "exit");
  try {
    const address = await Promise.race([
      addressIn(data),
      exited.then(() => Promise.reject(new Error(`the system ended before it was ready:\n${said()}`))),
    ]);
    return {
      address,
      async stop() {
        child.kill("SIGTERM");
        await exited;
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The last of what a process wrote, for an error; the rest is let go. */
function lastWords(child: ChildProcess): () => string {
  let text = "";
  const keep = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-4000);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  return () => text;
}

/** Waits for the address that the system leaves in its data folder once everything is ready. */
async function addressIn(data: string): Promise<ServiceAddress> {
  const signal = AbortSignal.timeout(READY_MS);
  const read = async (): Promise<ServiceAddress | null> => {
    const text = await readFile(join(data, "address"), "utf8").catch(() => null);
    return text === null ? null : parseAddress(text);
  };
  for (;;) {
    const address = await read();
    if (address !== null) return address;
    signal.throwIfAborted();
    await changeIn(data, signal);
  }
}

/** Resolves at the next change of a folder, or after a moment where it is not there yet. */
async function changeIn(folder: string, signal: AbortSignal): Promise<void> {
  const moment = AbortSignal.any([signal, AbortSignal.timeout(200)]);
  try {
    for await (const change of watch(folder, { signal: moment })) if (change.eventType !== undefined) return;
  } catch {
    if (!moment.aborted) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
