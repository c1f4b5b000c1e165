/** Links over MessagePorts: what one turn sends to a peer becomes one buffer, and that is transferred, not copied. */
import { GatherBuffer } from "../../node/gather-buffer.js";
import { atTickEnd } from "../../node/tick.js";
import type { Incarnation, ServerId } from "../../protocol/ids.js";
import {
  linkMessageBytes,
  readLinkMessages,
  writeLinkMessage,
  type LinkMessage,
} from "../../protocol/link.js";
import type { Link, LinkHandlers } from "./link.js";

/** What crosses the port: the messages of one turn, and how many bytes of the other direction were dealt with. */
interface Batch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly consumed: number;
}

/** What a link needs of a MessagePort. */
export interface LinkPort {
  postMessage(batch: Batch, transfer: [ArrayBuffer]): void;
  on(event: "message", listener: (batch: Batch) => void): unknown;
  close(): void;
}

export class PortLink implements Link {
  readonly #peers = new Map<ServerId, Peer>();

  /**
   * @param windowBytes bytes that may be on their way to one peer before a `forward` waits
   * @param soon runs a callback at the end of this turn of the event loop
   */
  constructor(
    private readonly windowBytes: number,
    private readonly handlers: LinkHandlers,
    private readonly soon: (callback: () => void) => void = atTickEnd,
  ) {}

  connect(id: ServerId, incarnation: Incarnation, port: LinkPort): void {
    const old = this.#peers.get(id);
    if (old !== undefined) this.disconnect(id, old.incarnation);
    this.#peers.set(id, new Peer(id, incarnation, port, this.windowBytes, this.handlers, this.soon));
  }

  /** Drops the link to one start of a server; a link to a later start is left alone. */
  disconnect(id: ServerId, incarnation: Incarnation): void {
    const peer = this.#peers.get(id);
    if (peer?.incarnation !== incarnation) return;
    this.#peers.delete(id);
    peer.close();
    this.handlers.onPeerGone(id);
  }

  send(to: ServerId, message: LinkMessage): void {
    this.#peers.get(to)?.send(message);
  }

  full(to: ServerId): boolean {
    return this.#peers.get(to)?.full ?? false;
  }

  peers(): Iterable<ServerId> {
    return this.#peers.keys();
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }
}

class Peer {
  readonly #gathered = new GatherBuffer();
  #waiting: LinkMessage[] = [];
  #onTheWay = 0;
  #consumed = 0;
  #flushing = false;
  #closed = false;

  constructor(
    private readonly id: ServerId,
    readonly incarnation: Incarnation,
    private readonly port: LinkPort,
    private readonly windowBytes: number,
    private readonly handlers: LinkHandlers,
    private readonly soon: (callback: () => void) => void,
  ) {
    port.on("message", (batch: Batch) => this.#batchOnPort(batch));
  }

  get full(): boolean {
    return this.#onTheWay + this.#gathered.used >= this.windowBytes;
  }

  send(message: LinkMessage): void {
    if (this.#closed) return;
    const waits = message.type === "forward" || message.type === "forwardMany";
    if (waits && (this.full || this.#waiting.length > 0)) {
      // A copy: its frame is a view on all that its session's socket brought in that turn.
      this.#waiting.push({ ...message, frame: Buffer.from(message.frame) });
    } else if (message.type === "ended" && this.#waiting.length > 0) {
      // Behind what its session sent.
      this.#waiting.push(message);
    } else {
      this.#write(message);
    }
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.port.close();
  }

  #write(message: LinkMessage): void {
    const { bytes, offset } = this.#gathered.reserve(linkMessageBytes(message));
    writeLinkMessage(bytes, offset, message);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.soon(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#closed) return;
    const bytes = this.#gathered.take();
    this.#onTheWay += bytes.length;
    const batch: Batch = { bytes, consumed: this.#consumed };
    this.#consumed = 0;
    this.port.postMessage(batch, [bytes.buffer]);
  }

  #batchOnPort({ bytes, consumed }: Batch): void {
    if (this.#closed) return;
    this.#onTheWay -= consumed;
    if (bytes.length > 0) {
      // A Buffer over the same memory: its conversions of ids are native.
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      readLinkMessages(buffer, (message) => {
        // A message may end the link; those behind it in the same batch are not heard any more.
        if (!this.#closed) this.handlers.onMessage(this.id, message);
      });
      this.#consumed += bytes.length;
      // Told along with the next messages; alone only where the other side may be waiting for it.
      if (this.#consumed >= this.windowBytes / 4) this.#flushSoon();
    }
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    let sent = 0;
    for (const message of this.#waiting) {
      if (this.full) break;
      this.#write(message);
      sent++;
    }
    if (sent > 0) this.#waiting = this.#waiting.slice(sent);
  }
}
