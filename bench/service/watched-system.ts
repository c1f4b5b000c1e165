/** A system in a process of its own, with a watcher inside: its threads can be ended, and tell how they are. */
import type { ServiceAddress } from "../../src/protocol/address.js";
import { startSystem, type LogLine, type SystemProcess } from "../system-process.js";
import { PRELOAD_VARIABLE, type FromInside, type ThreadGauges, type ToInside } from "./inside-messages.js";

/** Something that the system or its watcher told, at a time of this process's own clock (`performance.now()`). */
export type SystemNews =
  | { readonly from: "inside"; readonly message: FromInside }
  | { readonly from: "log"; readonly line: LogLine };

interface Waiter {
  readonly test: (news: SystemNews) => boolean;
  readonly resolve: (at: number) => void;
}

/** Settings of a system whose threads are to load modules of the bench's, behind the watcher: see inside.ts. */
export function preloading(modules: readonly URL[]): Record<string, string> {
  return modules.length === 0 ? {} : { [PRELOAD_VARIABLE]: modules.map(({ href }) => href).join(" ") };
}

/** How long something may take that must come, in milliseconds. */
const PATIENCE_MS = 60_000;

export class WatchedSystem {
  readonly #waiters = new Set<Waiter>();
  readonly #peaks = new Map<string, ThreadGauges>();
  #process: SystemProcess | null = null;
  #rssBytes = 0;
  #rssPeak = 0;

  private constructor() {}

  /**
   * @param settings variables as `FASTCHAT_LIMITS_SEND_WINDOW`
   * @param onInside told of everything that the watcher says
   * @param ownsInterrupt whether Ctrl-C is the bench's own to handle
   */
  static async start(
    settings: Readonly<Record<string, string>>,
    onInside: (message: FromInside) => void = () => undefined,
    ownsInterrupt = false,
  ): Promise<WatchedSystem> {
    const system = new WatchedSystem();
    system.#process = await startSystem(settings, {
      preload: [new URL("./inside.js", import.meta.url)],
      ownsInterrupt,
      onLog: (line) => system.#heard({ from: "log", line }),
      onMessage: (message) => {
        system.#told(message as FromInside);
        onInside(message as FromInside);
      },
    });
    return system;
  }

  /** The data folder. */
  get data(): string {
    return this.#running.data;
  }

  get address(): ServiceAddress {
    return this.#running.address;
  }

  /** Memory of the process, in bytes: now, and the most since the last {@link WatchedSystem.forgetPeaks}. */
  get rss(): { readonly now: number; readonly peak: number } {
    return { now: this.#rssBytes, peak: this.#rssPeak };
  }

  /** The highest of each thread's gauges since the last {@link WatchedSystem.forgetPeaks}. */
  get peaks(): ReadonlyMap<string, ThreadGauges> {
    return this.#peaks;
  }

  forgetPeaks(): void {
    this.#peaks.clear();
    this.#rssPeak = this.#rssBytes;
  }

  /** Ends a thread at once, wherever it is. */
  end(thread: string): void {
    this.#running.send({ type: "end", thread } satisfies ToInside);
  }

  /**
   * Resolves at the first news that passes the test, with its time.
   *
   * @throws Error where it does not come within a minute
   */
  when(what: string, test: (news: SystemNews) => boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new Error(`waited for ${what} in vain`));
      }, PATIENCE_MS);
      const waiter: Waiter = {
        test,
        resolve: (at) => {
          clearTimeout(late);
          resolve(at);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** Has a thread take that many times as long for everything. */
  slow(thread: string, factor: number): void {
    this.#running.send({ type: "slow", thread, factor } satisfies ToInside);
  }

  /** Has all its threads collect their garbage. @returns once it has told its memory anew */
  async collectGarbage(): Promise<void> {
    const done = this.when(
      "the garbage to be collected",
      (news) => news.from === "inside" && news.message.type === "collected",
    );
    this.#running.send({ type: "collect" } satisfies ToInside);
    await done;
  }

  kill(): Promise<void> {
    return this.#running.kill();
  }

  /** @returns milliseconds until everything was ready */
  restart(): Promise<number> {
    return this.#running.restart();
  }

  stop(): Promise<void> {
    return this.#running.stop();
  }

  get #running(): SystemProcess {
    if (this.#process === null) throw new Error("the system was never ready");
    return this.#process;
  }

  #told(message: FromInside): void {
    if (message.type === "process") {
      this.#rssBytes = message.rssBytes;
      this.#rssPeak = Math.max(this.#rssPeak, message.rssBytes);
    } else if (message.type === "thread") {
      const before = this.#peaks.get(message.thread);
      this.#peaks.set(message.thread, {
        loopDelayMaxMs: Math.max(before?.loopDelayMaxMs ?? 0, message.loopDelayMaxMs),
        heapBytes: Math.max(before?.heapBytes ?? 0, message.heapBytes),
        externalBytes: Math.max(before?.externalBytes ?? 0, message.externalBytes),
        cpuMicros: message.cpuMicros,
        linkBytes: message.linkBytes,
      });
    }
    this.#heard({ from: "inside", message });
  }

  #heard(news: SystemNews): void {
    const now = performance.now();
    for (const waiter of this.#waiters) {
      if (!waiter.test(news)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(now);
    }
  }
}
