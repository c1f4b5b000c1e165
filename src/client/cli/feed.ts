/** Messages on their way from the client to standard output, each acknowledged only if it was printed. */
import type { ReceivedMessage } from "../core/messages.js";
import { OutputClosed } from "./output.js";

/** Why no more is taken: as many were printed as were asked for, or nobody reads the output any more. */
export type FeedEnd = "enough" | "closed";

export class Feed {
  /** Settles when no more is taken. */
  readonly ended: Promise<FeedEnd>;
  #printed = 0;
  #end: (how: FeedEnd) => void = () => undefined;
  #refuse: (error: Error) => void = () => undefined;
  readonly #refusal: Promise<never>;
  #over = false;

  /** @param most how many are printed; all if missing */
  constructor(
    private readonly print: (message: ReceivedMessage) => Promise<void>,
    private readonly most = Infinity,
  ) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#refusal = new Promise((_resolve, reject) => {
      this.#refuse = reject;
    });
    this.#refusal.catch(() => undefined);
  }

  get printed(): number {
    return this.#printed;
  }

  /**
   * Prints a message. Behind the last one the feed neither takes a message nor fails: a failure would end the listening
   * before the messages that were printed are archived and acknowledged. The client waits here until it is stopped.
   */
  async onMessage(message: ReceivedMessage): Promise<void> {
    if (this.#over) return this.#refusal;
    try {
      await this.print(message);
    } catch (error) {
      if (!(error instanceof OutputClosed)) throw error;
      this.#finish("closed");
      return this.#refusal;
    }
    this.#printed += 1;
    if (this.#printed >= this.most) this.#finish("enough");
  }

  /** To be called once the client has been told to stop: what it waits with here stays with the service. */
  release(): void {
    this.#refuse(new Error("No more messages are taken."));
  }

  #finish(how: FeedEnd): void {
    this.#over = true;
    this.#end(how);
  }
}
