/** One connection to the archive: requests, and replies that name them. */
import {
  archiveReplies,
  archiveRequests,
  type ArchiveReply,
  type ArchiveRequest,
} from "../../protocol/archive.js";
import { FastChatError, isErrorCode } from "../../protocol/errors.js";
import type { Clock, FrameChannel, Timer } from "../../protocol/runtime.js";
import type { Endpoint, Transport } from "./ports.js";

/** How long the archive may take to answer, in milliseconds. */
const REPLY_MS = 20_000;
/** A connection that was quiet this long is asked whether it still lives. */
const PING_MS = 5_000;

/** `Omit` over each member of a union. */
type Without<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never;
export type Request = Without<ArchiveRequest, "ref">;
export type Reply = Exclude<ArchiveReply, { type: "failed" }>;

interface Waiting {
  readonly resolve: (reply: ArchiveReply) => void;
  readonly reject: (error: FastChatError) => void;
  readonly timer: Timer;
}

export class ArchiveConnection {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  #channel: FrameChannel | null = null;
  #nextRef = 1;
  #ping: Timer | null = null;
  #end: (error: FastChatError) => void = () => undefined;
  #ended: FastChatError | null = null;

  /** Settles once the connection is no more, with the reason. */
  readonly ended: Promise<FastChatError>;

  private constructor(clock: Clock) {
    this.#clock = clock;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** @throws FastChatError `unreachable`, `pinMismatch`, `timeout` */
  static async connect(transport: Transport, clock: Clock, endpoint: Endpoint): Promise<ArchiveConnection> {
    const connection = new ArchiveConnection(clock);
    connection.#channel = await transport.connect(endpoint, {
      onFrame: (content) => connection.#onFrame(content),
      onDrain: () => undefined,
      onClose: (error) => {
        connection.#finish(
          error instanceof FastChatError
            ? error
            : new FastChatError("unavailable", "The archive closed the connection."),
        );
      },
    });
    connection.#pingLater();
    return connection;
  }

  get alive(): boolean {
    return this.#ended === null;
  }

  /**
   * Asks the archive.
   *
   * @throws FastChatError with the code that the archive answered; `timeout`, `unavailable` and what else ends a
   *   connection, and then it is not known whether the request was done
   */
  async request<Type extends Reply["type"]>(
    request: Request,
    expected: Type,
  ): Promise<Extract<Reply, { type: Type }>> {
    const reply = await this.#exchange(request);
    if (reply.type === "failed") {
      throw new FastChatError(isErrorCode(reply.code) ? reply.code : "internal", reply.message);
    }
    if (reply.type !== expected) {
      const error = new FastChatError("badFrame", `The archive answered "${reply.type}" for "${expected}".`);
      this.#finish(error);
      throw error;
    }
    return reply as Extract<Reply, { type: Type }>;
  }

  /** Sends what is queued and ends the connection; requests under way fail. */
  close(): void {
    this.#finish(new FastChatError("unavailable", "The connection to the archive was closed."), true);
  }

  #exchange(request: Request): Promise<ArchiveReply> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null || this.#channel === null) {
        reject(this.#ended ?? new FastChatError("unavailable", "There is no connection to the archive."));
        return;
      }
      const ref = this.#nextRef;
      this.#nextRef = (ref % 0xffffffff) + 1;
      const timer = this.#clock.after(REPLY_MS, () => {
        this.#finish(new FastChatError("timeout", "The archive did not answer in time."));
      });
      this.#waiting.set(ref, { resolve, reject, timer });
      this.#channel.send(archiveRequests.encode({ ...request, ref }));
      this.#pingLater();
    });
  }

  #onFrame(content: Uint8Array): void {
    if (this.#ended !== null) return;
    try {
      const reply = archiveReplies.decode(content);
      const waiting = this.#waiting.get(reply.ref);
      if (waiting === undefined)
        throw new FastChatError("badFrame", "The archive answered what nobody asked.");
      this.#waiting.delete(reply.ref);
      waiting.timer.cancel();
      waiting.resolve(reply);
    } catch (error) {
      this.#finish(
        error instanceof FastChatError
          ? error
          : new FastChatError("badFrame", "The archive is not understood."),
      );
    }
  }

  #finish(error: FastChatError, orderly = false): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    this.#ping?.cancel();
    if (orderly) this.#channel?.close();
    else this.#channel?.destroy();
    for (const { reject, timer } of this.#waiting.values()) {
      timer.cancel();
      reject(error);
    }
    this.#waiting.clear();
    this.#end(error);
  }

  /** Nothing else tells that a peer which was cut off is gone: the next request would wait for its time to run out. */
  #pingLater(): void {
    this.#ping?.cancel();
    this.#ping = this.#clock.after(PING_MS, () => {
      // What waits for its answer tells as well. A failure ends the connection, which is what is reported.
      if (this.#waiting.size > 0) this.#pingLater();
      else this.request({ type: "ping" }, "pong").catch(() => undefined);
    });
  }
}
