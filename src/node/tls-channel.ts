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
  /** Bytes queued to the peer from which the channel counts as congested; at twice as many it is closed. */
  readonly bufferBytes: number;
}

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

  constructor(
    private readonly socket: Socket,
    private readonly limits: ChannelLimits,
    private readonly handlers: FrameHandlers,
  ) {
    this.#splitter = new FrameSplitter(limits.maxFrameBytes);
    // Without it Nagle's algorithm meets delayed acknowledgements and a message waits 40 ms.
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#dataOnSocket(chunk));
    socket.on("drain", () => this.#drainOnSocket());
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    socket.on("end", () => this.close());
    socket.on("close", () => {
      this.#state = "closed";
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
    const { bytes, offset } = this.#gathered.reserve(LENGTH_BYTES + content.length);
    bytes.writeUInt32BE(content.length, offset);
    bytes.set(content, offset + LENGTH_BYTES);
    if (!this.#flushing) {
      this.#flushing = true;
      atTickEnd(() => this.#flush());
    }
    const queued = this.queuedBytes;
    if (queued <= this.limits.bufferBytes) return true;
    this.#congested = true;
    if (queued > 2 * this.limits.bufferBytes + content.length) {
      this.#fail(new FastChatError("tooMany", "The peer does not read what it is sent."));
    }
    return false;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#flush();
    this.#state = "closing";
    this.socket.end();
  }

  destroy(): void {
    this.#state = "closing";
    this.socket.destroy();
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#state !== "open" || this.#gathered.used === 0) return;
    this.socket.write(this.#gathered.take());
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

  #drainOnSocket(): void {
    if (!this.#congested || this.queuedBytes > this.limits.bufferBytes / 2) return;
    this.#congested = false;
    if (this.#state === "open") this.handlers.onDrain();
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.destroy();
  }
}
