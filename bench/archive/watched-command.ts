/** A command of `fastchat` in a process of its own, whose memory is watched while it runs. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/client/cli/main.js", import.meta.url));
/** How often its memory is looked at, in milliseconds. */
const LOOK_MS = 50;

export interface Watched {
  readonly ms: number;
  readonly stdout: string;
  /** Resident memory over its time, in bytes; empty where the machine does not tell (it is read from /proc). */
  readonly residentBytes: readonly number[];
}

/** @throws Error where the command fails */
export async function runWatched(args: readonly string[], home: string): Promise<Watched> {
  const started = performance.now();
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: {
      PATH: process.env["PATH"] ?? "",
      FASTCHAT_HOME: home,
      FASTCHAT_LABORATORY: "accept-weak-stretching",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const residentBytes: number[] = [];
  const look = setInterval(() => {
    readFile(`/proc/${child.pid}/status`, "utf8").then(
      (status) => {
        const kib = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]);
        if (kib > 0) residentBytes.push(kib * 1024);
      },
      () => undefined,
    );
  }, LOOK_MS);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearInterval(look);
  if (code !== 0) throw new Error(`fastchat ${args.join(" ")} ended with ${code}:\n${stderr}`);
  return { ms: performance.now() - started, stdout, residentBytes };
}
