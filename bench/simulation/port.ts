/** The two ends of a MessageChannel between simulated threads: messages in order, after a while, and an end that shows. */
import type { SimulatedThread } from "./thread.js";
import { DelayedQueue } from "./queue.js";
import type { VirtualClock } from "./virtual-clock.js";

type Item = { readonly message: unknown } | "closed";

export class SimulatedPort {
  #onMessage: ((message: never) => void) | null = null;
  readonly #onClose: (() => void)[] = [];
  #incoming: DelayedQueue<Item> | null = null;
  /** What came before anybody listened. */
  readonly #early: Item[] = [];
  #peer: SimulatedPort | null = null;
  #owner: SimulatedThread | null = null;
  #closed = false;

  constructor(
    private readonly clock: VirtualClock,
    private readonly delay: () => number,
  ) {}

  static pair(clock: VirtualClock, delay: () => number): [SimulatedPort, SimulatedPort] {
    const one = new SimulatedPort(clock, delay);
    const other = new SimulatedPort(clock, delay);
    one.#peer = other;
    other.#peer = one;
    return [one, other];
  }

  /** The way to this end, for a test to hold. */
  get incoming(): DelayedQueue<Item> {
    this.#incoming ??= new DelayedQueue<Item>({
      clock: this.clock,
      delay: this.delay,
      run: (work) => {
        if (this.#owner === null) work();
        else this.#owner.run(work);
      },
      deliver: (item) => this.#take(item),
    });
    return this.#incoming;
  }

  /** The thread that this end was transferred to: with it the end is closed. */
  belongsTo(thread: SimulatedThread): this {
    this.#owner = thread;
    thread.onDeath(() => this.close());
    return this;
  }

  postMessage(message: unknown): void {
    if (!this.#closed) this.#peer?.incoming.push({ message });
  }

  on(event: "message", listener: (message: never) => void): void;
  on(event: "close", listener: () => void): void;
  on(event: "message" | "close", listener: (message: never) => void): void {
    if (event === "close") {
      this.#onClose.push(listener as () => void);
      return;
    }
    this.#onMessage = listener;
    for (const item of this.#early.splice(0)) this.#take(item);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#incoming?.close();
    this.#peer?.incoming.push("closed");
  }

  #take(item: Item): void {
    if (this.#closed) return;
    if (this.#onMessage === null) {
      this.#early.push(item);
    } else if (item === "closed") {
      this.#closed = true;
      for (const listener of this.#onClose) listener();
    } else {
      this.#onMessage(item.message as never);
    }
  }
}
