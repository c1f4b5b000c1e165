/** Somebody waits for a message to be accepted; not for ever. */
import { FastChatError } from "../../protocol/errors.js";
import type { Clock, Timer } from "../../protocol/runtime.js";
import type { SentMessage } from "./messages.js";

export class PendingSend {
  readonly promise: Promise<SentMessage>;
  /** Whether the message is in the outbox, or about to be: it then leaves by itself, whoever waits. */
  kept = false;
  #over = false;
  #resolve: (sent: SentMessage) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  readonly #timer: Timer;

  /**
   * @param patienceMs how long to wait, in milliseconds
   * @param reason why it takes long, where that is known
   * @param onGivenUp called after the wait was given up
   */
  constructor(clock: Clock, patienceMs: number, reason: () => FastChatError, onGivenUp: () => void) {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = clock.after(patienceMs, () => {
      this.reject(reason());
      onGivenUp();
    });
  }

  /** Nobody waits any more. */
  get over(): boolean {
    return this.#over;
  }

  resolve(sent: SentMessage): void {
    this.#finish();
    this.#resolve(sent);
  }

  /** Rejects, and says what becomes of the message. */
  reject(error: Error): void {
    if (this.#over) return;
    this.#finish();
    this.#reject(this.kept ? keptError(error) : error);
  }

  /** Rejects with an error that settles the message: nothing of it is kept. */
  refuse(error: Error): void {
    if (this.#over) return;
    this.#finish();
    this.#reject(error);
  }

  #finish(): void {
    this.#over = true;
    this.#timer.cancel();
  }
}

function keptError(error: Error): Error {
  if (!(error instanceof FastChatError)) return error;
  return new FastChatError(
    error.code,
    `${error.message} The message is kept on this device and leaves with the next one.`,
    error.retryAfterMs,
    { cause: error },
  );
}
