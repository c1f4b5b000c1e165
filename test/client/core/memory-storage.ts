/** A device's files in memory, on a device that can lose its power between any two of its acts. */
import type { DeviceStorage } from "../../../src/client/core/ports.js";
import type { HeldLock } from "../../../src/protocol/runtime.js";

export type Act = "write" | "remove";

export class MemoryStorage implements DeviceStorage {
  readonly files: Map<string, Uint8Array>;
  /** What was written and removed, in order. */
  readonly acts: { readonly act: Act; readonly name: string }[] = [];
  /** What was read, in order. */
  readonly reads: string[] = [];
  /** Asked before and after each act that changes something: whether the power goes. */
  onAct: ((when: "before" | "after", index: number) => boolean) | null = null;
  /** Told when the power went. */
  onDeath: () => void = () => undefined;
  /** Writing fails with this. */
  failure: Error | null = null;
  /** How often it did. */
  failures = 0;
  readonly #locks = new Map<string, Promise<unknown>>();
  #holders = 0;
  #dead = false;

  constructor(files: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.files = new Map(files);
  }

  /** No act that is under way ends any more, and none begins. */
  die(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.onDeath();
  }

  async read(name: string): Promise<Uint8Array | null> {
    await this.#turn();
    this.reads.push(name);
    return this.files.get(name)?.slice() ?? null;
  }

  write(name: string, bytes: Uint8Array): Promise<void> {
    const content = bytes.slice();
    return this.#act("write", name, () => this.files.set(name, content));
  }

  remove(name: string): Promise<void> {
    return this.#act("remove", name, () => this.files.delete(name));
  }

  async list(prefix: string): Promise<string[]> {
    await this.#turn();
    return [...this.files.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  /** Whether nobody holds a lock or waits for one. */
  get lockless(): boolean {
    return this.#holders === 0;
  }

  async withLock<T>(name: string, work: (lock: HeldLock) => Promise<T>): Promise<T> {
    const before = this.#locks.get(name) ?? Promise.resolve();
    const isLast = (): boolean => this.#locks.get(name) === ended;
    const lock: HeldLock = {
      get wanted() {
        return !isLast();
      },
    };
    this.#holders += 1;
    const running = before.then(() => work(lock));
    const release = (): void => {
      this.#holders -= 1;
    };
    const ended = running.then(release, release);
    this.#locks.set(name, ended);
    return running;
  }

  async #act(act: Act, name: string, change: () => void): Promise<void> {
    await this.#turn();
    const index = this.acts.length;
    if (this.onAct?.("before", index) === true) this.die();
    await this.#turn();
    if (this.failure !== null) {
      this.failures += 1;
      throw this.failure;
    }
    change();
    this.acts.push({ act, name });
    if (this.onAct?.("after", index) === true) this.die();
    await this.#turn();
  }

  async #turn(): Promise<void> {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    if (this.#dead) await new Promise(() => undefined);
  }
}
