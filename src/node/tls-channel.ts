/** A frame channel over a connected socket: framing, one write a turn, and the one place that knows backpressure. */
import type { Socket } from "node:net";
import { FastChatError } from "../protocol/errors.js";
import { FrameSplitter, LENGTH_BYTES } from "../protocol/frame.js";
import type { FrameChannel, FrameHandlers } from "../protocol/runtime.js";
import { GatherBuffer } from "./gather-buffer.js";
import { atTickEnd } from "./tick.js";

export interface ChannelLimits {
  /** The largest frame taken from the peer, in bytes without its length field. */
  readonly maxFrameBytes: number;
  /** The largest frame taken before the peer was admitted; as large as any other if not given. */
  readonly strangersFrameBytes?: number;
  /** Bytes queued to the peer from which the channel counts as congested; at twice as many it is closed. */
  readonly bufferBytes: number;
  /**
   * How long a channel that was closed waits for its peer to take what is queued and to close its side, in
   * milliseconds; {@link LINGER_MS} if not given.
   */
  readonly lingerMs?: number;
}

/** Shorter than the time in which a server has to stop. */
export const LINGER_MS = 2000;

/** Makes a channel of a socket whose TLS handshake is done. The channel owns the socket from then on. */
export function channelOverSocket(
  socket: Socket,
  limits: ChannelLimits,
  handlers: FrameHandlers,
): FrameChannel {
  return new SocketChannel(socket, limits, handlers);
}

class SocketChannel implements FrameChannel {
  readonly #splitter: FrameSplitter;
  readonly #gathered = new GatherBuffer();
  #flushing = false;
  #congested = false;
  #state: "open" | "closing" | "closed" = "open";
  #error: Error | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly limits: ChannelLimits,
    private readonly handlers: FrameHandlers,
  ) {
    this.#splitter = new FrameSplitter(limits.strangersFrameBytes ?? limits.maxFrameBytes);
    // Without it Nagle's algorithm meets delayed acknowledgements and a message waits 40 ms.
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#dataOnSocket(chunk));
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    socket.on("end", () => this.#endOnSocket());
    socket.on("close", () => {
      this.#state = "closed";
      clearTimeout(this.#linger);
      handlers.onClose(this.#error);
    });
  }

  get queuedBytes(): number {
    return this.#gathered.used + this.socket.writableLength;
  }

  get congested(): boolean {
    return this.#congested;
  }

  send(content: Uint8Array): boolean {
    if (this.#state !== "open") return false;
    const before = this.queuedBytes;
    const { bytes, offset } = this.#gathered.reserve(LENGTH_BYTES + content.length);
    bytes.writeUInt32BE(content.length, offset);
    bytes.set(content, offset + LENGTH_BYTES);
    if (!this.#flushing) {
      this.#flushing = true;
      atTickEnd(() => this.#flush());
    }
    const { bufferBytes } = this.limits;
    if (before + LENGTH_BYTES + content.length <= bufferBytes) return true;
    this.#congested = true;
    if (before >= 2 * bufferBytes) {
      this.#fail(new FastChatError("tooMany", "The peer does not read what it is sent."));
    }
    return false;
  }

  admit(): void {
    this.#splitter.allow(this.limits.maxFrameBytes);
  }

  pause(): void {
    if (this.#state === "open") this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#flush();
    this.#state = "closing";
    this.socket.end();
    // What still comes is for nobody, but it has to be read for the peer's end to be seen behind it.
    this.socket.resume();
    this.#linger = setTimeout(() => this.socket.destroy(), this.limits.lingerMs ?? LINGER_MS);
  }

  destroy(): void {
    if (this.#state !== "closed") this.#state = "closing";
    this.socket.destroy();
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#state !== "open" || this.#gathered.used === 0) return;
    this.socket.write(this.#gathered.take(), this.#writtenOnSocket);
  }

  #dataOnSocket(chunk: Buffer): void {
    if (this.#state !== "open") return;
    try {
      this.#splitter.push(chunk, (content) => {
        // A handler may close the channel; what the same chunk holds behind that frame is not for it any more.
        if (this.#state === "open") this.handlers.onFrame(content);
      });
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #endOnSocket(): void {
    if (this.#state === "open" && this.#splitter.bufferedBytes > 0) {
      this.#error ??= new FastChatError("unreachable", "The connection ended within a frame.");
    }
    this.close();
  }

  /**
   * After each write, and not on the socket's own `drain`, which comes only where its buffer was full by its own
   * measure, and not while what was gathered since lies behind it.
   */
  readonly #writtenOnSocket = (error?: Error | null): void => {
    if (error || this.#state !== "open") return;
    if (!this.#congested || this.queuedBytes > this.limits.bufferBytes / 2) return;
    this.#congested = false;
    this.handlers.onDrain();
  };

  #fail(error: Error): void {
    this.#error ??= error;
    this.destroy();
  }
}
