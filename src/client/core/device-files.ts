/** The client's files on this device, each sealed under the device's key and bound to its name. */
import { newDeviceKey, openForDevice, sealForDevice } from "../../crypto/device-seal.js";
import { SEALING_KEY_BYTES } from "../../crypto/sealed.js";
import { FastChatError } from "../../protocol/errors.js";
import type { HeldLock } from "../../protocol/runtime.js";
import type { DeviceStorage } from "./ports.js";

/** The one file that is not sealed: the key that seals the others. */
const KEY_FILE = "device-key";

export class DeviceFiles {
  readonly #storage: DeviceStorage;
  readonly #key: Uint8Array;

  private constructor(storage: DeviceStorage, key: Uint8Array) {
    this.#storage = storage;
    this.#key = key;
  }

  /**
   * Opens the files, and makes the device's key if there is none.
   *
   * @throws FastChatError `undecryptable` where the key is no key
   */
  static async open(storage: DeviceStorage): Promise<DeviceFiles> {
    // Two processes that start on a new device must not each make a key.
    const key = await storage.withLock(KEY_FILE, async () => {
      const known = await storage.read(KEY_FILE);
      if (known !== null) return known;
      const made = newDeviceKey();
      await storage.write(KEY_FILE, made);
      return made;
    });
    if (key.length !== SEALING_KEY_BYTES) {
      throw new FastChatError("undecryptable", "The key of this device is damaged; log in on a new folder.");
    }
    return new DeviceFiles(storage, key);
  }

  /** @throws FastChatError `undecryptable` where the file is damaged */
  async read(name: string): Promise<Uint8Array | null> {
    const sealed = await this.#storage.read(name);
    return sealed === null ? null : openForDevice(this.#key, name, sealed);
  }

  /** Whole and on disk once the promise is kept. */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    await this.#storage.write(name, await sealForDevice(this.#key, name, bytes));
  }

  remove(name: string): Promise<void> {
    return this.#storage.remove(name);
  }

  /** Forgets everything; the key last, since without it nothing that is left could be read. */
  async removeAll(): Promise<void> {
    const names = await this.#storage.list("");
    for (const name of names) if (name !== KEY_FILE) await this.#storage.remove(name);
    await this.#storage.remove(KEY_FILE);
  }

  /** Names that start with `prefix`, sorted. */
  list(prefix: string): Promise<string[]> {
    return this.#storage.list(prefix);
  }

  /** Runs `work` while no other process or task of this device holds the lock of that name. */
  withLock<T>(name: string, work: (lock: HeldLock) => Promise<T>): Promise<T> {
    return this.#storage.withLock(name, work);
  }
}
