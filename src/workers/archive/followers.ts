/** Connections that wait for what others add to their archives. */
import type { ArchiveId } from "../../protocol/ids.js";
import type { Clock } from "../../protocol/runtime.js";

/** A connection, as one that waits. */
export interface Follower {
  readonly archive: ArchiveId;
}

export class Followers {
  readonly #waiting = new Map<ArchiveId, Map<Follower, (news: boolean) => void>>();
  #stopped = false;

  constructor(private readonly clock: Clock) {}

  /** Whether this connection waits. */
  has(follower: Follower): boolean {
    return this.#waiting.get(follower.archive)?.has(follower) ?? false;
  }

  /**
   * Begins to wait: what comes from here on wakes. Look for what came before only then.
   *
   * @param ms how long to wait at most, in milliseconds
   * @returns once something came, the time is over, or the connection left: whether something came
   */
  wait(follower: Follower, ms: number): Promise<boolean> {
    if (this.#stopped) return Promise.resolve(false);
    const { archive } = follower;
    const here = this.#waiting.get(archive) ?? new Map<Follower, (news: boolean) => void>();
    this.#waiting.set(archive, here);
    return new Promise((resolve) => {
      const wake = (news: boolean): void => {
        timer.cancel();
        here.delete(follower);
        if (here.size === 0 && this.#waiting.get(archive) === here) this.#waiting.delete(archive);
        resolve(news);
      };
      const timer = this.clock.after(ms, () => wake(false));
      here.set(follower, wake);
    });
  }

  /** Something was added to an archive, by that connection; it knows already. */
  wake(archive: ArchiveId, by: Follower): void {
    for (const [follower, wake] of [...(this.#waiting.get(archive) ?? [])]) if (follower !== by) wake(true);
  }

  /** The connection waits no longer. */
  leave(follower: Follower): void {
    this.#waiting.get(follower.archive)?.get(follower)?.(false);
  }

  /** Nobody waits any longer, now and later. */
  stop(): void {
    this.#stopped = true;
    for (const here of [...this.#waiting.values()]) for (const wake of [...here.values()]) wake(false);
  }
}
