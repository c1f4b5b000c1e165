/**
 * A database that other threads reach over connections: a call takes its time on the way there, at its commit and on
 * the way back, and at each of these the database, its disk or the caller may fail. What was committed stays.
 */
import { StoreError } from "../../src/store/database.js";
import { DISK_FULL } from "../../src/store/sqlstate.js";
import type { Chance } from "./chance.js";
import { Gate } from "./gate.js";
import type { SimulatedThread } from "./thread.js";
import type { VirtualClock } from "./virtual-clock.js";

/** What a call does there. */
export interface Transaction<T> {
  readonly writes: boolean;
  /** Runs its statements; returns its commit, which shows to others all at once. */
  begin(): (() => T) | Promise<() => T>;
  abort?(): void;
}

export interface DatabaseOptions {
  readonly clock: VirtualClock;
  readonly chance: Chance;
  /** How long each part of a call takes at most, in milliseconds. */
  readonly delayMs: number;
  /** After which a caller gives up waiting, in milliseconds. */
  readonly timeoutMs: number;
}

const CONNECTION_FAILURE = "08006";
/** A query that a caller does not wait for any longer. */
const QUERY_CANCELED = "57014";

export class SimulatedDatabase {
  /** Where calls can be held: on the way there, with all statements done, and committed. */
  readonly gates = { request: new Gate(), commit: new Gate(), answer: new Gate() };
  /** Refuses everything, and has broken off what was under way. */
  #away = false;
  /** Counts its crashes: what began before one is forgotten. */
  #crashes = 0;
  /** Its disk is full: it reads, and writes nothing. */
  full = false;
  /** How many writes to come are committed and answered by a broken connection. */
  lostAnswers = 0;
  /** What the commits take longer, in milliseconds. */
  slowCommitMs = 0;
  /** Share of the calls whose caller died that the database breaks off, as long as they are not committed. */
  abortedByDeath = 0.3;
  /** Calls under way. */
  #underWay = 0;

  constructor(private readonly options: DatabaseOptions) {}

  get underWay(): number {
    return this.#underWay;
  }

  get away(): boolean {
    return this.#away;
  }

  /** Ends at once: what is not committed is gone, and nobody is answered. */
  crash(): void {
    this.#away = true;
    this.#crashes++;
    // What was held is let go, to find that it is over.
    for (const gate of Object.values(this.gates)) gate.release();
  }

  comeBack(): void {
    this.#away = false;
  }

  /** @throws StoreError */
  call<T>(thread: SimulatedThread, transaction: Transaction<T>): Promise<T> {
    this.#underWay++;
    const done = this.#perform(thread, transaction).finally(() => this.#underWay--);
    return thread.hear(this.#withinTime(done));
  }

  /** The caller gives up; the database goes on with what it has. */
  #withinTime<T>(done: Promise<T>): Promise<T> {
    const { clock, timeoutMs } = this.options;
    return new Promise((resolve, reject) => {
      const timer = clock.after(timeoutMs, () => {
        reject(new StoreError("retry", QUERY_CANCELED, undefined, "the database did not answer in time"));
      });
      done.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  async #perform<T>(thread: SimulatedThread, transaction: Transaction<T>): Promise<T> {
    const { chance } = this.options;
    await this.#travel();
    await this.gates.request.pass();
    const crashes = this.#crashes;
    this.#check(crashes);
    if (transaction.writes && this.full) {
      throw new StoreError("retry", DISK_FULL, undefined, "could not extend file: No space left on device");
    }
    const commit = await transaction.begin();
    let result: T;
    try {
      if (transaction.writes) {
        await this.#pause(this.slowCommitMs > 0 ? chance.below(this.slowCommitMs) : 0);
        await this.gates.commit.pass();
        if (!thread.alive && chance.is(this.abortedByDeath)) throw connectionLost();
      }
      this.#check(crashes);
      result = commit();
    } catch (error) {
      transaction.abort?.();
      throw error;
    }
    if (transaction.writes && this.lostAnswers > 0) {
      this.lostAnswers--;
      throw connectionLost();
    }
    await this.#travel();
    await this.gates.answer.pass();
    this.#check(crashes);
    return result;
  }

  #check(crashes: number): void {
    if (this.#away || crashes !== this.#crashes) throw connectionLost();
  }

  #travel(): Promise<void> {
    return this.#pause(this.options.chance.between(0, this.options.delayMs));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.options.clock.arrive(ms, resolve));
  }
}

function connectionLost(): StoreError {
  return new StoreError("retry", CONNECTION_FAILURE, undefined, "the connection was lost");
}
