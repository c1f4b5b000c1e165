/** A client's transport whose frames come later or twice, whole and in their order, as long as that is asked for. */
import type { Endpoint, Transport } from "../../src/client/core/ports.js";
import { Kind } from "../../src/protocol/hot.js";
import type { FrameChannel, FrameHandlers } from "../../src/protocol/runtime.js";

export interface FrameFaults {
  /** How much later frames pass, in milliseconds; 0 for at once. */
  delayMs: number;
  doubled: boolean;
}

/** Frames that may come twice: the protocol says so. Control messages belong to their moment. */
const REPEATABLE: ReadonlySet<number> = new Set([Kind.send, Kind.ack, Kind.accepted, Kind.deliver]);

export class FaultyTransport implements Transport {
  /**
   * @param faults of this moment
   * @param gateOf where to connect in place of an endpoint
   */
  constructor(
    private readonly inner: Transport,
    private readonly faults: Readonly<FrameFaults>,
    private readonly gateOf: (endpoint: Endpoint) => Promise<Endpoint>,
  ) {}

  async connect(endpoint: Endpoint, handlers: FrameHandlers): Promise<FrameChannel> {
    const incoming = new DelayLine((content) => handlers.onFrame(content));
    const channel = await this.inner.connect(await this.gateOf(endpoint), {
      onFrame: (content) => this.#pass(incoming, content),
      onDrain: () => handlers.onDrain(),
      onClose: (error) => {
        incoming.drop();
        handlers.onClose(error);
      },
    });
    return this.#around(channel);
  }

  #around(channel: FrameChannel): FrameChannel {
    let room = true;
    const outgoing = new DelayLine((content) => {
      room = channel.send(content);
    });
    return {
      send: (content) => {
        this.#pass(outgoing, content);
        return room;
      },
      get queuedBytes() {
        return channel.queuedBytes + outgoing.bytes;
      },
      get congested() {
        return channel.congested;
      },
      admit: () => channel.admit(),
      pause: () => channel.pause(),
      resume: () => channel.resume(),
      close: () => {
        outgoing.flush();
        channel.close();
      },
      destroy: () => {
        outgoing.drop();
        channel.destroy();
      },
    };
  }

  #pass(line: DelayLine, content: Uint8Array): void {
    const { delayMs, doubled } = this.faults;
    line.push(content, delayMs);
    if (doubled && REPEATABLE.has(content[0] ?? -1)) line.push(content, delayMs);
  }
}

/** Passes frames on after a while, never one before an earlier one. */
class DelayLine {
  readonly #waiting: { readonly content: Uint8Array; readonly due: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #bytes = 0;

  constructor(private readonly onFrame: (content: Uint8Array) => void) {}

  get bytes(): number {
    return this.#bytes;
  }

  push(content: Uint8Array, delayMs: number): void {
    if (delayMs === 0 && this.#waiting.length === 0) {
      this.onFrame(content);
      return;
    }
    // A copy: whoever gave it goes on with its buffer.
    this.#waiting.push({ content: new Uint8Array(content), due: performance.now() + delayMs });
    this.#bytes += content.length;
    this.#timer ??= setTimeout(() => this.#passDue(), delayMs);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#passUntil(Infinity);
  }

  drop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.length = 0;
    this.#bytes = 0;
  }

  #passDue(): void {
    this.#timer = undefined;
    const now = performance.now();
    this.#passUntil(now);
    const [next] = this.#waiting;
    if (next !== undefined) this.#timer ??= setTimeout(() => this.#passDue(), Math.max(1, next.due - now));
  }

  #passUntil(time: number): void {
    for (let next = this.#waiting[0]; next !== undefined && next.due <= time; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#bytes -= next.content.length;
      this.onFrame(next.content);
    }
  }
}
