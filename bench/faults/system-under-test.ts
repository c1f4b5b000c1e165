/** The system that is broken: a process of its own, always on the same ports and the same data, started again when killed. */
import { spawn, type ChildProcess } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseAddress, type ServiceAddress } from "../../src/protocol/address.js";
import type { FromInside, ToInside } from "./inside-messages.js";

export interface SystemPorts {
  readonly balancer: number;
  readonly archive: number;
  /** In the order of the servers' numbers. */
  readonly servers: readonly number[];
}

export interface SystemSettings {
  readonly folder: string;
  readonly servers: number;
  /** PostgreSQL addresses; `null` for embedded databases. */
  readonly databases: { readonly service: string; readonly archive: string } | null;
  /** Told when the system ends and nobody ended it, and of lines that tell of a defect. */
  onProblem(text: string): void;
}

/** How long a start may take, in milliseconds. */
const START_MS = 120_000;
/** Another process may have had one of the ports for a moment. */
const PORT_TAKEN = 8;
const START_TRIES = 20;

/** Everything that is not what this run is about is out of the way: a light password hash, and no limits on requests. */
const LABORATORY = {
  FASTCHAT_PASSWORD_ITERATIONS: "1",
  FASTCHAT_PASSWORD_MEMORY_KIB: "8",
  FASTCHAT_PASSWORD_PARALLELISM: "1",
  FASTCHAT_LIMITS_LOGINS_PER_MINUTE_PER_ADDRESS: "1000000",
  FASTCHAT_LIMITS_REQUESTS_PER_MINUTE_PER_ADDRESS: "1000000",
  FASTCHAT_LIMITS_REGISTRATIONS_PER_MINUTE_PER_ADDRESS: "1000000",
};

type Thread = { readonly thread: string };
interface SystemEvents {
  threadReady: [Thread];
  threadBlocked: [Thread];
  threadExited: [Thread];
  up: [];
}

export class SystemUnderTest extends EventEmitter<SystemEvents> {
  readonly #settings: SystemSettings;
  readonly #log: WriteStream;
  readonly #running = new Set<string>();
  #child: ChildProcess | null = null;
  #address: ServiceAddress | null = null;
  #up = false;
  #ending = false;

  private constructor(
    settings: SystemSettings,
    readonly ports: SystemPorts,
  ) {
    super();
    this.setMaxListeners(0);
    this.#settings = settings;
    this.#log = createWriteStream(join(settings.folder, "system.log"), { flags: "a" });
  }

  /** @throws Error with what the system wrote, where it does not start */
  static async start(settings: SystemSettings): Promise<SystemUnderTest> {
    const [balancer = 0, archive = 0, ...servers] = await freePorts(settings.servers + 2);
    const system = new SystemUnderTest(settings, { balancer, archive, servers });
    await system.#start();
    return system;
  }

  get address(): ServiceAddress {
    if (this.#address === null) throw new Error("the system was never ready");
    return this.#address;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Whether the whole is ready and this thread of it, too. */
  isUp(thread?: string): boolean {
    return this.#up && (thread === undefined || this.#running.has(thread));
  }

  portOf(thread: string): number {
    if (thread === "balancer") return this.ports.balancer;
    if (thread === "archive") return this.ports.archive;
    return this.ports.servers[Number(thread.slice("chat-".length)) - 1] ?? 0;
  }

  tell(message: ToInside): void {
    this.#child?.send(message);
  }

  suspend(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Kills the process. @returns once it is ready again */
  async killAndStart(): Promise<void> {
    await this.#kill();
    await this.#start();
  }

  /** Stops in order. */
  async stop(): Promise<void> {
    this.#ending = true;
    const child = this.#child;
    if (child !== null) {
      const exited = once(child, "exit");
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
      await exited;
      clearTimeout(timer);
    }
    this.#log.end();
  }

  async #kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    this.#up = false;
    this.#running.clear();
    if (child === null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  async #start(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const { code, said } = await this.#startOnce();
      if (code === null) return;
      if (code !== PORT_TAKEN || tries === START_TRIES || this.#ending) {
        throw new Error(`the system ended with ${code} before it was ready:\n${said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** @returns the exit code where it ended before it was ready, else `null` */
  async #startOnce(): Promise<{ readonly code: number | null; readonly said: string }> {
    const child = this.#spawn();
    this.#child = child;
    const last: string[] = [];
    const listen = (line: string): void => {
      this.#log.write(`${line}\n`);
      last.push(line);
      if (last.length > 20) last.shift();
    };
    if (child.stderr !== null) createInterface({ input: child.stderr }).on("line", listen);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        reject(new Error(`the system was not ready after ${START_MS} ms:\n${last.join("\n")}`));
      }, START_MS);
      const lines = child.stdout === null ? null : createInterface({ input: child.stdout });
      lines?.on("line", (line) => {
        listen(line);
        const address = addressIn(line);
        if (address === null) return;
        clearTimeout(timer);
        this.#address = address;
        this.#up = true;
        this.emit("up");
        resolve({ code: null, said: "" });
      });
      child.once("exit", (code, signal) => {
        clearTimeout(timer);
        resolve({ code: code ?? -1, said: last.join("\n") });
        if (this.#child === child) this.#endedByItself(code ?? signal ?? "nothing", last);
      });
    });
  }

  #spawn(): ChildProcess {
    const { folder, databases } = this.#settings;
    const entry = fileURLToPath(new URL("../../src/system.js", import.meta.url));
    const inside = new URL("./inside.js", import.meta.url).href;
    const data = join(folder, "data");
    const child = spawn(process.execPath, ["--import", inside, entry, "--data", data, "--log", "json"], {
      cwd: folder,
      env: {
        PATH: process.env["PATH"],
        HOME: folder,
        ...LABORATORY,
        FASTCHAT_PORT: String(this.ports.balancer),
        FASTCHAT_ARCHIVE_PORT: String(this.ports.archive),
        FASTCHAT_SERVERS: String(this.ports.servers.length),
        FASTCHAT_SERVER_PORTS: this.ports.servers.join(","),
        ...(databases === null
          ? {}
          : { FASTCHAT_DATABASE: databases.service, FASTCHAT_ARCHIVE_DATABASE: databases.archive }),
      },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // Ctrl-C on the terminal is for the bench, which then stops this in order.
      detached: true,
    });
    child.on("message", (message: FromInside) => {
      if (this.#child === child) this.#heard(message);
    });
    return child;
  }

  #heard({ type, thread }: FromInside): void {
    switch (type) {
      case "ready":
        this.#running.add(thread);
        this.emit("threadReady", { thread });
        return;
      case "blocked":
        this.emit("threadBlocked", { thread });
        return;
      case "exited":
        this.#running.delete(thread);
        this.emit("threadExited", { thread });
        return;
    }
  }

  #endedByItself(how: string | number, last: readonly string[]): void {
    const wasUp = this.#up;
    this.#child = null;
    this.#up = false;
    this.#running.clear();
    if (this.#ending || !wasUp) return;
    this.#settings.onProblem(`the system ended by itself, with ${how}; its last words:\n${last.join("\n")}`);
    this.#start().catch((error: unknown) => this.#settings.onProblem(String(error)));
  }
}

/** Where the line of a log says that everything is ready: the address. */
function addressIn(line: string): ServiceAddress | null {
  if (!line.includes('"everything is ready"')) return null;
  const { address } = JSON.parse(line) as { address?: unknown };
  return typeof address === "string" ? parseAddress(address) : null;
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
