/** One spell of listening: from its start until it is stopped or cannot go on. */
import type { ErrorRecord } from "../../protocol/errors.js";
import type { SendFrame } from "../../protocol/hot.js";
import { FastChatError } from "../../protocol/errors.js";
import type { ConnectionStatus, ListenHandlers, Listening } from "./messages.js";
import { Receiver, type ReceiverContext } from "./receive.js";
import type { Session } from "./session.js";

type Wiring = Omit<ReceiverContext, "onMessage" | "onFailure" | "want" | "send">;

export class ListeningSpell implements Listening {
  readonly done: Promise<void>;
  readonly #session: Pick<Session, "attach" | "detach" | "send">;
  readonly #handlers: ListenHandlers;
  readonly #receiver: Receiver;
  readonly #onEnd: () => void;
  #settle: (error: Error | null) => void = () => undefined;
  #over = false;

  /** @param onEnd called once, when it is over */
  constructor(
    wiring: Wiring,
    session: Pick<Session, "attach" | "detach" | "send">,
    handlers: ListenHandlers,
    onEnd: () => void,
  ) {
    this.#session = session;
    this.#handlers = handlers;
    this.#onEnd = onEnd;
    this.done = new Promise((resolve, reject) => {
      this.#settle = (error) => {
        if (error === null) resolve();
        else reject(error);
      };
    });
    // Who does not ask how it ended does not want the process to end over it.
    this.done.catch(() => undefined);
    this.#receiver = new Receiver({
      ...wiring,
      send: (frame) => session.send(frame),
      want: (deliveries) => {
        if (deliveries && !this.#over) session.attach();
        else session.detach();
      },
      onMessage: (message) => handlers.onMessage(message),
      onFailure: (error) => void this.#finish(error),
    });
  }

  start(): void {
    this.#session.attach();
  }

  async stop(): Promise<void> {
    if (!this.#over) await this.#finish(null);
  }

  onDeliver(delivery: SendFrame): void {
    this.#receiver.onDeliver(delivery);
  }

  onLive(): void {
    this.#told(() => this.#handlers.onLive?.());
  }

  onStatus(status: ConnectionStatus): void {
    this.#told(() => this.#handlers.onStatus?.(status));
  }

  /** The session ended for good. */
  onClosed(error: ErrorRecord | null): void {
    void this.#receiver.stop();
    this.#end(error === null ? null : new FastChatError(error.code, error.message));
  }

  /** A handler that throws ends the listening, and nothing else. */
  #told(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      void this.#finish(error as Error);
    }
  }

  /** Has what was shown archived and acknowledged first, if the archive answers soon. */
  async #finish(error: Error | null): Promise<void> {
    await this.#receiver.stop();
    if (this.#over) return;
    this.#session.detach();
    this.#end(error);
  }

  #end(error: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#onEnd();
    this.#settle(error);
  }
}
