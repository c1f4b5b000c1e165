/** A device's files in memory: a thousand devices of one machine would measure its disk's fsync, and nothing else. */
import type { DeviceStorage } from "../../src/client/core/ports.js";
import type { HeldLock } from "../../src/protocol/runtime.js";

export class DeviceMemory implements DeviceStorage {
  readonly #files = new Map<string, Uint8Array>();
  readonly #locks = new Map<string, Promise<unknown>>();
  readonly #waiting = new Map<string, number>();

  read(name: string): Promise<Uint8Array | null> {
    return Promise.resolve(this.#files.get(name) ?? null);
  }

  write(name: string, bytes: Uint8Array): Promise<void> {
    this.#files.set(name, bytes.slice());
    return Promise.resolve();
  }

  remove(name: string): Promise<void> {
    this.#files.delete(name);
    return Promise.resolve();
  }

  list(prefix: string): Promise<string[]> {
    return Promise.resolve([...this.#files.keys()].filter((name) => name.startsWith(prefix)).sort());
  }

  withLock<T>(name: string, work: (lock: HeldLock) => Promise<T>): Promise<T> {
    const count = (by: number): void => void this.#waiting.set(name, (this.#waiting.get(name) ?? 0) + by);
    const isWanted = (): boolean => (this.#waiting.get(name) ?? 0) > 0;
    count(1);
    const before = this.#locks.get(name) ?? Promise.resolve();
    const working = before.then(() => {
      count(-1);
      return work({
        get wanted() {
          return isWanted();
        },
      });
    });
    this.#locks.set(
      name,
      working.catch(() => undefined),
    );
    return working;
  }
}
