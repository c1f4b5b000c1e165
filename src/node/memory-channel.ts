/** Two ends of a frame channel in memory: what a socket pair does, without a socket. */
import type { FrameChannel, FrameHandlers } from "../protocol/runtime.js";

export interface MemoryChannelOptions {
  /** Bytes on the way to a peer that does not take them from which an end counts as congested. */
  readonly bufferBytes?: number;
  /** When what was sent arrives: runs a callback later, never at once. */
  readonly soon?: (callback: () => void) => void;
}

/**
 * Makes a channel and returns both its ends. Each needs handlers, by {@link MemoryEnd.handle}, before anything that was
 * sent can arrive.
 */
export function memoryChannel(options: MemoryChannelOptions = {}): [MemoryEnd, MemoryEnd] {
  const { bufferBytes = 1024 * 1024, soon = (callback) => void setImmediate(callback) } = options;
  const one = new MemoryEnd(bufferBytes, soon);
  const other = new MemoryEnd(bufferBytes, soon);
  one.connect(other);
  other.connect(one);
  return [one, other];
}

type Item = { readonly frame: Uint8Array } | { readonly end: true };

export class MemoryEnd implements FrameChannel {
  /** Frames and the end of the stream, on their way to the peer. */
  #outbound: Item[] = [];
  #queuedBytes = 0;
  #congested = false;
  #paused = false;
  #delivering = false;
  #state: "open" | "closing" | "closed" = "open";
  #peer: MemoryEnd | null = null;
  #handlers: FrameHandlers | null = null;

  constructor(
    private readonly bufferBytes: number,
    private readonly soon: (callback: () => void) => void,
  ) {}

  connect(peer: MemoryEnd): void {
    this.#peer = peer;
  }

  handle(handlers: FrameHandlers): void {
    this.#handlers = handlers;
    this.#peer?.deliverSoon();
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get congested(): boolean {
    return this.#congested;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Whether this end takes part no more. */
  get closed(): boolean {
    return this.#state === "closed";
  }

  send(content: Uint8Array): boolean {
    if (this.#state !== "open") return false;
    this.#outbound.push({ frame: Uint8Array.prototype.slice.call(content) });
    this.#queuedBytes += content.length;
    this.deliverSoon();
    if (this.#queuedBytes <= this.bufferBytes) return true;
    this.#congested = true;
    if (this.#queuedBytes > 2 * this.bufferBytes + content.length) this.destroy();
    return false;
  }

  admit(): void {
    // Nothing is kept here of a frame that is not whole.
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#peer?.deliverSoon();
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#outbound.push({ end: true });
    this.deliverSoon();
  }

  destroy(): void {
    if (this.#state === "closed") return;
    this.#outbound = [];
    this.#closeSoon();
    this.#peer?.lose(new Error("the peer broke the connection off"));
  }

  /** Breaks the connection off, as a peer or a network does that went away. */
  lose(error: Error): void {
    this.#outbound = [];
    this.#closeSoon(error);
  }

  deliverSoon(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    this.soon(() => {
      this.#delivering = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const peer = this.#peer;
    while (peer !== null && peer.#handlers !== null && (peer.closed || !peer.#paused)) {
      const item = this.#outbound.shift();
      if (item === undefined) break;
      if ("end" in item) {
        peer.close();
        this.#closeSoon();
        return;
      }
      this.#queuedBytes -= item.frame.length;
      if (peer.#state === "open") peer.#handlers.onFrame(item.frame);
    }
    if (this.#congested && this.#queuedBytes <= this.bufferBytes / 2) {
      this.#congested = false;
      if (this.#state === "open") this.#handlers?.onDrain();
    }
  }

  #closeSoon(error?: Error): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.soon(() => this.#handlers?.onClose(error));
  }
}
