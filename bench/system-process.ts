/** Starts `system` as a process of its own, in a folder of its own; kills it, starts it again, and ends it. */
import { spawn, type ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseAddress, type ServiceAddress } from "../src/protocol/address.js";

/** How long a system may take to be ready, in milliseconds. */
const READY_MS = 120_000;
/** What the system itself gives a thread of it: a laboratory's machine may have much else to do. */
const START_MS = READY_MS - 10_000;

/** What is said where nobody listens to a system any more. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** One line of the system's log, of which each has more fields of its own. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly thread?: string;
  readonly [field: string]: unknown;
}

export interface SystemOptions {
  /** Modules that are loaded into the process before its own; they may speak to {@link SystemProcess.send}. */
  readonly preload?: readonly URL[];
  /** Ctrl-C is the bench's own to handle: it ends neither the bench nor the system by itself. */
  readonly ownsInterrupt?: boolean;
  readonly onLog?: (line: LogLine) => void;
  /** What a preloaded module says. */
  readonly onMessage?: (message: unknown) => void;
}

export interface SystemProcess {
  readonly address: ServiceAddress;
  /** The data folder. */
  readonly data: string;
  /** To a preloaded module; lost while the process does not run. */
  send(message: object): void;
  /** `kill -9`; resolves once the process is no more. */
  kill(): Promise<void>;
  /**
   * Starts the process again on its folder and at its address, after {@link SystemProcess.kill}.
   *
   * @returns how long it took until everything was ready, in milliseconds
   */
  restart(): Promise<number>;
  /** Stops the system in order and removes its folder. */
  stop(): Promise<void>;
}

/**
 * @param settings variables as `FASTCHAT_LIMITS_SEND_WINDOW`; ports are free ones and everything is on loopback
 * @throws Error with what the system wrote, where it ends before it is ready
 */
export async function startSystem(
  settings: Readonly<Record<string, string>>,
  options: SystemOptions = {},
): Promise<SystemProcess> {
  const folder = await mkdtemp(join(tmpdir(), "fastchat-bench-"));
  const data = join(folder, "data");
  let run: Run | null = null;
  const signals = options.ownsInterrupt === true ? { SIGTERM: 143, SIGHUP: 129 } : SIGNALS;
  const forget = removeAtExit(folder, signals, () => run?.child.kill("SIGKILL"));
  const remove = async (): Promise<void> => {
    forget();
    await rm(folder, { recursive: true, force: true });
  };
  const begin = async (port: number, more: Readonly<Record<string, string>>): Promise<ServiceAddress> => {
    run = startRun(
      data,
      port,
      { HOME: folder, FASTCHAT_TIMEOUTS_START_MS: String(START_MS), ...settings, ...more },
      options,
    );
    return run.ready;
  };
  try {
    const address = await begin(0, {});
    return {
      address,
      data,
      send: (message) => void (run?.child.connected && run.child.send(message)),
      async kill() {
        run?.child.kill("SIGKILL");
        await run?.exited;
      },
      async restart() {
        const started = performance.now();
        // Clients know the balancer's port; the others it tells them.
        const servers = Number(settings["FASTCHAT_SERVERS"] ?? 3);
        await begin(address.port, {
          FASTCHAT_ARCHIVE_PORT: "0",
          FASTCHAT_SERVER_PORTS: Array.from({ length: servers }, () => "0").join(","),
        });
        return performance.now() - started;
      },
      async stop() {
        run?.child.kill("SIGTERM");
        await run?.exited;
        await remove();
      },
    };
  } catch (error) {
    (run as Run | null)?.child.kill("SIGKILL");
    await remove();
    throw error;
  }
}

interface Run {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  readonly ready: Promise<ServiceAddress>;
}

function startRun(
  data: string,
  port: number,
  env: Readonly<Record<string, string>>,
  { preload = [], onLog, onMessage, ownsInterrupt = false }: SystemOptions,
): Run {
  const entry = fileURLToPath(new URL("../src/system.js", import.meta.url));
  const preloads = preload.flatMap((url) => ["--import", url.href]);
  const flags = ["--port", String(port), "--data", data, "--log", "json"];
  const child = spawn(process.execPath, [...preloads, entry, ...flags], {
    env: { PATH: process.env["PATH"], ...env },
    // In a group of its own: a terminal's Ctrl-C goes to all of the foreground's.
    detached: ownsInterrupt,
    stdio: ["ignore", "pipe", "pipe", ...(preload.length > 0 ? (["ipc"] as const) : [])],
  });
  if (onMessage !== undefined) child.on("message", onMessage);
  const said = lastWords(child);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const ready = new Promise<ServiceAddress>((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`the system was not ready within ${READY_MS} ms:\n${said()}`)),
      READY_MS,
    );
    void exited.then(() => {
      clearTimeout(late);
      reject(new Error(`the system ended before it was ready:\n${said()}`));
    });
    eachLogLine(child, (line) => {
      onLog?.(line);
      if (line.msg !== "everything is ready" || typeof line["address"] !== "string") return;
      clearTimeout(late);
      resolve(parseAddress(line["address"]));
    });
  });
  return { child, exited, ready };
}

function eachLogLine(child: ChildProcess, take: (line: LogLine) => void): void {
  if (child.stdout === null) return;
  createInterface({ input: child.stdout, crlfDelay: Infinity }).on("line", (text) => {
    let line: unknown;
    try {
      line = JSON.parse(text);
    } catch {
      // What a thread prints beside its log, as the trace of a defect.
      return;
    }
    if (typeof line === "object" && line !== null && "msg" in line) take(line as LogLine);
  });
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

/** However the bench ends, it leaves nothing behind. @returns what takes that back */
function removeAtExit(
  folder: string,
  signals: Readonly<Partial<Record<NodeJS.Signals, number>>>,
  kill: () => void,
): () => void {
  const exitOnProcess = (): void => {
    kill();
    rmSync(folder, { recursive: true, force: true });
  };
  const handlers = Object.entries(signals).map(
    ([signal, code]) => [signal as NodeJS.Signals, () => process.exit(code)] as const,
  );
  process.once("exit", exitOnProcess);
  for (const [signal, handler] of handlers) process.once(signal, handler);
  return () => {
    process.off("exit", exitOnProcess);
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}
