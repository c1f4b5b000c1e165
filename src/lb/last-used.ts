/**
 * When devices were last here: a help for people, which no request waits for. A thousand devices that come back at once
 * would otherwise each wait for a write of their own, and nobody could come back while the disk is full.
 */
import type { DeviceId } from "../protocol/ids.js";
import type { Log } from "../protocol/runtime.js";
import type { SessionStore } from "../store/sessions.js";

/** Devices whose note waits for the one before to be written; more are not noted this time. */
const MOST_WAITING = 10_000;

export class LastUsed {
  #waiting = new Set<DeviceId>();
  #at = 0;
  #writing: Promise<void> | null = null;

  constructor(
    private readonly sessions: Pick<SessionStore, "touch">,
    private readonly log: Log,
  ) {}

  /** @param at milliseconds since 1970 */
  note(device: DeviceId, at: number): void {
    if (this.#waiting.size >= MOST_WAITING) return;
    this.#waiting.add(device);
    this.#at = at;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
  }

  /** Resolves once all that was noted is written, or could not be. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#waiting.size > 0) {
      const devices = [...this.#waiting];
      this.#waiting = new Set();
      try {
        await this.sessions.touch(devices, this.#at);
      } catch (error) {
        this.log.debug({ error, devices: devices.length }, "when devices were last here was not noted");
      }
    }
  }
}
