/** What the balancer knows of all threads from the supervisor, and the orders of operators on their way there. */
import { FastChatError, type ErrorRecord } from "../../protocol/errors.js";
import type { Incarnation, ServerId } from "../../protocol/ids.js";
import type { Clock, Timer } from "../../protocol/runtime.js";
import type { Duty, FleetOrder, FromThread, ThreadStatus } from "../../protocol/threads.js";

/** What the balancer says to the supervisor. */
export type AskSupervisor = (message: Extract<FromThread, { type: "order" | "emptied" | "evened" }>) => void;

export interface FleetOptions {
  readonly ask: AskSupervisor;
  readonly clock: Clock;
  /** How long the supervisor may take to answer an order, in milliseconds. */
  readonly patienceMs: number;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: FastChatError) => void;
  readonly timer: Timer;
}

/** Orders under way at once: an operator has two hands. */
const MOST_ORDERS = 64;

export class Fleet {
  #threads: readonly ThreadStatus[] = [];
  #rebalancing = false;
  /** Whether it was said that a rebalance is over, and the supervisor may not have heard it yet. */
  #evened = false;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<() => void>();
  #next = 1;

  constructor(private readonly options: FleetOptions) {}

  /** Empty until the supervisor has spoken. */
  get threads(): readonly ThreadStatus[] {
    return this.#threads;
  }

  /** What a chat server is for; `serving` as long as nothing else was said. */
  dutyOf(id: ServerId): Duty {
    return this.#threads.find((thread) => thread.id === id)?.duty ?? "serving";
  }

  /** Whether a thread of that kind runs. */
  runs(kind: ThreadStatus["kind"]): boolean {
    return this.#threads.some((thread) => thread.kind === kind && thread.life === "running");
  }

  /** Whether a rebalance that an operator asked for goes on. The supervisor keeps that: this thread may be started again. */
  get rebalancing(): boolean {
    return this.#rebalancing;
  }

  /** Calls `listener` whenever the supervisor has said something new. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  update(threads: readonly ThreadStatus[], rebalancing = false): void {
    this.#threads = threads;
    if (!rebalancing) this.#evened = false;
    this.#rebalancing = rebalancing && !this.#evened;
    for (const listener of this.#listeners) listener();
  }

  /**
   * Has the supervisor do something.
   *
   * @returns once it was taken up
   * @throws FastChatError why it is refused; `unavailable` where no answer came
   */
  async order(order: FleetOrder): Promise<void> {
    if (this.#waiting.size >= MOST_ORDERS)
      throw new FastChatError("tooMany", "Too many orders are under way.");
    const ref = this.#next++;
    const { ask, clock, patienceMs } = this.options;
    return new Promise((resolve, reject) => {
      const timer = clock.after(patienceMs, () => {
        this.#waiting.delete(ref);
        reject(new FastChatError("unavailable", "The supervisor did not answer in time."));
      });
      this.#waiting.set(ref, { resolve, reject, timer });
      ask({ type: "order", ref, order });
    });
  }

  ordered(ref: number, error: ErrorRecord | null): void {
    const waiting = this.#waiting.get(ref);
    if (waiting === undefined) return;
    this.#waiting.delete(ref);
    waiting.timer.cancel();
    if (error === null) waiting.resolve();
    else waiting.reject(new FastChatError(error.code, error.message));
  }

  /** A server that is retiring has no session left. */
  emptied(id: ServerId, incarnation: Incarnation): void {
    this.options.ask({ type: "emptied", id, incarnation });
  }

  /** The load is as even as it can be: what an operator asked for is done. */
  evened(): void {
    this.#rebalancing = false;
    this.#evened = true;
    this.options.ask({ type: "evened" });
  }

  close(): void {
    for (const { timer, reject } of this.#waiting.values()) {
      timer.cancel();
      reject(new FastChatError("unavailable", "The balancer is stopping."));
    }
    this.#waiting.clear();
  }
}
