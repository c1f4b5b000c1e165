/** Runs `fastchat` as people do: a process of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

export const MAIN = fileURLToPath(new URL("../../../src/client/cli/main.js", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** The account's folder. */
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input, whole; empty if missing. */
  readonly input?: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Settles once standard output or standard error holds the text; fails if the process ends before. */
  until(text: string): Promise<void>;
}

export function start(args: readonly string[], { home, env = {} }: RunOptions): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    // Nothing of this process's: no address, password or colour that somebody has set.
    env: { PATH: process.env["PATH"] ?? "", FASTCHAT_HOME: home, TZ: "UTC", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      texts[name] += chunk;
      for (const look of waiting) look();
    });
  }
  child.stdin.on("error", () => undefined);
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, ...texts }));
  });
  return {
    child,
    ended,
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!texts.stdout.includes(text) && !texts.stderr.includes(text)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        void ended.then(({ code, stdout, stderr }) => {
          reject(new Error(`ended with ${code} before "${text}" came:\n${stdout}\n${stderr}`));
        });
      }),
  };
}

export async function run(args: readonly string[], options: RunOptions): Promise<Ended> {
  const { child, ended } = start(args, options);
  child.stdin?.end(options.input ?? "");
  return ended;
}
