/**
 * A device's files. An act takes its time before it is done and again until it is known to be on disk: a process that
 * is killed in between has done it without knowing. Locks end with their process.
 */
import type { DeviceStorage } from "../../src/client/core/ports.js";
import type { HeldLock } from "../../src/protocol/runtime.js";
import type { Chance } from "./chance.js";
import type { SimulatedThread } from "./thread.js";
import type { VirtualClock } from "./virtual-clock.js";

/** What is on the disk: it outlives processes. */
export class Disk {
  readonly files = new Map<string, Uint8Array>();
  /** Nothing more can be written. */
  full = false;
  readonly #locks = new Map<string, { readonly ended: Promise<void>; waiting: number }>();

  /** Runs `work` alone among all processes of the device. */
  async withLock<T>(thread: SimulatedThread, name: string, work: (lock: HeldLock) => Promise<T>): Promise<T> {
    for (let held = this.#locks.get(name); held !== undefined; held = this.#locks.get(name)) {
      held.waiting++;
      await held.ended;
    }
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const lock = { ended, waiting: 0 };
    this.#locks.set(name, lock);
    const release = (): void => {
      if (this.#locks.get(name) === lock) this.#locks.delete(name);
      end();
    };
    thread.onDeath(release);
    try {
      return await work({
        get wanted() {
          return lock.waiting > 0;
        },
      });
    } finally {
      release();
    }
  }
}

export class ProcessStorage implements DeviceStorage {
  constructor(
    private readonly disk: Disk,
    private readonly thread: SimulatedThread,
    private readonly clock: VirtualClock,
    private readonly chance: Chance,
    /** How long each half of an act takes at most, in milliseconds. */
    private readonly delayMs: number,
  ) {}

  async read(name: string): Promise<Uint8Array | null> {
    await this.thread.hear(Promise.resolve());
    return this.disk.files.get(name)?.slice() ?? null;
  }

  async list(prefix: string): Promise<string[]> {
    await this.thread.hear(Promise.resolve());
    return [...this.disk.files.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  write(name: string, bytes: Uint8Array): Promise<void> {
    const content = bytes.slice();
    return this.#act(() => {
      if (this.disk.full) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      this.disk.files.set(name, content);
    });
  }

  remove(name: string): Promise<void> {
    return this.#act(() => void this.disk.files.delete(name));
  }

  withLock<T>(name: string, work: (lock: HeldLock) => Promise<T>): Promise<T> {
    return this.disk.withLock(this.thread, name, work);
  }

  async #act(change: () => void): Promise<void> {
    await this.thread.hear(this.#pause());
    change();
    await this.thread.hear(this.#pause());
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.clock.arrive(this.chance.between(0, this.delayMs), resolve));
  }
}
