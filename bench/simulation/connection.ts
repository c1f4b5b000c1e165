/**
 * A TCP connection in virtual time, with a frame channel at each end (src/node/tls-channel.ts is the real one). It can
 * be cut at any byte, go deaf without anybody being told, and be held.
 */
import { FastChatError } from "../../src/protocol/errors.js";
import { LENGTH_BYTES } from "../../src/protocol/frame.js";
import type { FrameChannel, FrameHandlers } from "../../src/protocol/runtime.js";
import type { Chance } from "./chance.js";
import { DelayedQueue, type Run } from "./queue.js";
import type { VirtualClock } from "./virtual-clock.js";

type Item = { readonly frame: Uint8Array } | "end" | "reset";

export interface Side {
  readonly run: Run;
  /** Bytes queued to the peer from which this end counts as congested. */
  readonly bufferBytes: number;
}

export interface ConnectionOptions {
  readonly clock: VirtualClock;
  readonly chance: Chance;
  /** How long a frame takes at most, in milliseconds. */
  readonly delayMs: number;
  readonly client: Side;
  readonly server: Side;
}

/** How long an end that was closed waits for its peer to close, in milliseconds. */
const LINGER_MS = 2000;

export class Connection {
  readonly client: End;
  readonly server: End;
  /** Whether neither end takes part any more. */
  get over(): boolean {
    return this.client.closed && this.server.closed;
  }

  constructor(private readonly options: ConnectionOptions) {
    const { client, server } = options;
    this.client = new End(options, client);
    this.server = new End(options, server);
    this.client.connect(this.server);
    this.server.connect(this.client);
  }

  /** Breaks: of what is on its way some bytes still arrive, and both ends learn of it, each at its own time. */
  cut(): void {
    const { chance } = this.options;
    for (const end of [this.client, this.server]) end.break(chance.next());
  }

  /** The client's network changes: it knows, and the service does not. */
  roam(): void {
    this.server.vanish();
    this.client.break(0);
  }

  /** Half-open from now on: bytes vanish, and nobody is told. */
  vanish(): void {
    this.client.vanish();
    this.server.vanish();
  }
}

export class End implements FrameChannel {
  readonly incoming: DelayedQueue<Item>;
  #peer: End | null = null;
  #handlers: FrameHandlers | null = null;
  /** Bytes that were sent here and have not arrived. */
  #queuedBytes = 0;
  #congested = false;
  #paused = false;
  #deaf = false;
  #state: "open" | "closing" | "closed" = "open";
  #error: Error | undefined;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly side: Side,
  ) {
    const { clock, chance, delayMs } = options;
    this.incoming = new DelayedQueue<Item>({
      clock,
      delay: () => chance.between(0, delayMs),
      run: side.run,
      deliver: (item) => this.#take(item),
    });
  }

  connect(peer: End): void {
    this.#peer = peer;
    this.incoming.hold();
  }

  /** What came before waits until somebody takes it. */
  handle(handlers: FrameHandlers): void {
    this.#handlers = handlers;
    if (!this.#paused) this.incoming.release();
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get congested(): boolean {
    return this.#congested;
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  send(content: Uint8Array): boolean {
    if (this.#state !== "open") return false;
    const before = this.#queuedBytes;
    this.#queuedBytes += LENGTH_BYTES + content.length;
    if (!this.#deaf) this.#peer?.incoming.push({ frame: Buffer.from(content) });
    const { bufferBytes } = this.side;
    if (this.#queuedBytes <= bufferBytes) return true;
    this.#congested = true;
    if (before >= 2 * bufferBytes) {
      this.#error ??= new FastChatError("tooMany", "The peer does not read what it is sent.");
      this.destroy();
    }
    return false;
  }

  admit(): void {
    // Nothing is kept here of a frame that is not whole.
  }

  pause(): void {
    if (this.#state !== "open") return;
    this.#paused = true;
    this.incoming.hold();
  }

  resume(): void {
    this.#paused = false;
    if (this.#handlers !== null) this.incoming.release();
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#tell("end");
    // What still comes is for nobody, but it has to be read for the peer's end to be seen behind it.
    this.resume();
    this.options.clock.after(LINGER_MS, () => this.side.run(() => this.destroy()));
  }

  destroy(): void {
    if (this.#state === "closed") return;
    this.#tell("reset");
    this.#closed();
  }

  /** @param share of what is on its way to this end that still arrives */
  break(share: number): void {
    if (this.#state === "closed") return;
    this.incoming.cut(Math.floor(share * (this.incoming.size + 1)));
    this.#deaf = true;
    this.incoming.push("reset");
    this.incoming.release();
  }

  vanish(): void {
    this.#deaf = true;
    this.incoming.close();
  }

  /** This end's process or thread is gone: the system closes its socket, and the peer hears of that. */
  abandon(): void {
    if (this.#state === "closed") return;
    this.#tell("reset");
    this.#state = "closed";
    this.#handlers = null;
    this.incoming.close();
  }

  #tell(item: "end" | "reset"): void {
    if (!this.#deaf) this.#peer?.incoming.push(item);
  }

  #take(item: Item): void {
    if (this.#state === "closed") return;
    if (item === "reset") {
      this.#error ??= new FastChatError("unreachable", "The peer broke the connection off.");
      this.#closed();
    } else if (item === "end") {
      this.close();
      this.#closed();
    } else {
      this.#peer?.arrived(LENGTH_BYTES + item.frame.length);
      if (this.#state === "open") this.#handlers?.onFrame(item.frame);
    }
  }

  /** So many bytes that were sent here are with the peer. */
  arrived(bytes: number): void {
    this.#queuedBytes -= bytes;
    if (!this.#congested || this.#queuedBytes > this.side.bufferBytes / 2) return;
    this.#soon(() => {
      if (!this.#congested || this.#state !== "open" || this.#queuedBytes > this.side.bufferBytes / 2) return;
      this.#congested = false;
      this.#handlers?.onDrain();
    });
  }

  #closed(): void {
    this.#state = "closed";
    this.incoming.close();
    this.#soon(() => this.#handlers?.onClose(this.#error));
  }

  #soon(work: () => void): void {
    this.options.clock.arrive(0, () => this.side.run(work));
  }
}
