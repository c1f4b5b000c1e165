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

/** How long the archive may take to answer, in milliseconds: an append waits as long as its database is away. */
const REPLY_MS = 20_000;
/** Heartbeats in the time after which silence means death. */
const BEATS_PER_IDLE = 4;

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
  /** Silence that means death, in milliseconds. */
  #idleMs = Infinity;
  #beat: Timer | null = null;
  #heardAt = 0;
  #spokeAt = 0;
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
      this.#spokeAt = this.#clock.now();
      this.#channel.send(archiveRequests.encode({ ...request, ref }));
    });
  }

  #onFrame(content: Uint8Array): void {
    if (this.#ended !== null) return;
    this.#heardAt = this.#clock.now();
    try {
      const reply = archiveReplies.decode(content);
      if (reply.type === "opened") this.#beginBeat(reply.idleMs);
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
    this.#beat?.cancel();
    if (orderly) this.#channel?.close();
    else this.#channel?.destroy();
    for (const { reject, timer } of this.#waiting.values()) {
      timer.cancel();
      reject(error);
    }
    this.#waiting.clear();
    this.#end(error);
  }

  /** Before an archive is open nothing but opening is taken; how long an answer may take bounds that. */
  #beginBeat(idleMs: number): void {
    this.#idleMs = idleMs;
    this.#beat?.cancel();
    this.#beatLater();
  }

  #beatLater(): void {
    const beatMs = Math.max(50, Math.floor(this.#idleMs / BEATS_PER_IDLE));
    const due = this.#clock.now() + beatMs;
    this.#beat = this.#clock.after(beatMs, () => this.#beatOnClock(beatMs, due));
  }

  /** Nothing else tells that a peer is gone of which only our half of the connection is left. */
  #beatOnClock(beatMs: number, due: number): void {
    const now = this.#clock.now();
    if (Math.abs(now - due) > 2 * beatMs) {
      // Far too late: this device slept, and what came meanwhile has not been read yet. Too early: its clock was set back.
      this.#heardAt = now;
      this.#spokeAt = -Infinity;
    }
    if (now - this.#heardAt >= this.#idleMs) {
      this.#finish(new FastChatError("timeout", "The archive fell silent."));
      return;
    }
    // Also while an answer is waited for: the archive must hear that somebody is there, and answers pings before it.
    if (now - this.#heardAt >= beatMs || now - this.#spokeAt >= beatMs) {
      // A failure ends the connection, and its end is what is reported.
      this.request({ type: "ping" }, "pong").catch(() => undefined);
    }
    this.#beatLater();
  }
}
