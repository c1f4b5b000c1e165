/** CPU time of a system's process, without what it takes while nobody asks for anything: its threads' timers and reports. */

interface Note {
  /** Milliseconds of CPU time since the process began. */
  readonly cpuMs: number;
  /** When that was told, in milliseconds. */
  readonly at: number;
}

export class SystemCpu {
  #latest: Note = { cpuMs: 0, at: 0 };
  /** Cores that it takes at rest. */
  #restCores = 0;
  readonly #waiting: (() => void)[] = [];

  /** By the process itself, several times a second. */
  told(cpuMs: number): void {
    this.#latest = { cpuMs, at: performance.now() };
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Learns what it takes at rest. */
  async rest(ms: number): Promise<void> {
    const before = await this.#next();
    await new Promise((resolve) => setTimeout(resolve, ms));
    const after = await this.#next();
    this.#restCores = (after.cpuMs - before.cpuMs) / (after.at - before.at);
  }

  /** Milliseconds until now, of which only differences say something. */
  async beyondRest(): Promise<number> {
    const { cpuMs, at } = await this.#next();
    return cpuMs - this.#restCores * at;
  }

  async #next(): Promise<Note> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#latest;
  }
}
