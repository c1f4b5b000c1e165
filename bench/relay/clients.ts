/** The relay bench's clients: as light as can be, the same for both servers, a window of messages on the way per pair. */
import { createSecureContext, type TLSSocket } from "node:tls";
import { Kind } from "../../src/protocol/hot.js";
import { Times } from "../percentiles.js";
import { acknowledge, expectNoClosing, openLine, type Line } from "../service/line.js";
import { relayFrame, type RelayPair, type RelayPlan } from "./plan.js";

/** First frame of a connection: a hello with a ticket, or what the bare relay wants to know. */
export type HelloFor = (pair: number, role: "sender" | "recipient") => Uint8Array;

export interface RelayRun {
  readonly messages: number;
  readonly seconds: number;
  /** From sending to being told that the recipient has it. */
  readonly latency: Times;
}

/** All pairs, connected to one kind of server. */
export class RelayClients {
  readonly #senders: Sender[] = [];
  readonly #sockets: TLSSocket[] = [];

  static async connect(
    plan: RelayPlan,
    ports: readonly number[],
    cert: string,
    hello: HelloFor,
    window: number,
  ): Promise<RelayClients> {
    const clients = new RelayClients();
    const secureContext = createSecureContext({ ca: cert });
    const open = async (port: number | undefined, first: Uint8Array, frames: number): Promise<Line> => {
      const line = await openLine(port ?? 0, first, frames, secureContext);
      clients.#sockets.push(line.socket);
      return line;
    };
    // Few at a time: a hundred handshakes at once would only wait for each other.
    for (const [index, pair] of plan.pairs.entries()) {
      const recipient = await open(ports[pair.path[2]], hello(index, "recipient"), 2);
      acknowledgeAll(recipient);
      const sender = await open(ports[pair.path[0]], hello(index, "sender"), 1);
      clients.#senders.push(new Sender(sender, pair, plan.size, window));
    }
    return clients;
  }

  /** Keeps every pair's window full for so many seconds, then lets it run dry. */
  async run(seconds: number): Promise<RelayRun> {
    const latency = new Times();
    const started = process.hrtime.bigint();
    const idle = this.#senders.map((sender) => sender.run(latency));
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const ended = process.hrtime.bigint();
    const messages = this.#senders.reduce((sum, sender) => sum + sender.stop(), 0);
    await Promise.all(idle);
    return { messages, seconds: Number(ended - started) / 1e9, latency };
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function acknowledgeAll(line: Line): void {
  line.onFrame = (frame) => {
    if (frame[0] === Kind.control) return;
    acknowledge(line, frame);
  };
}

class Sender {
  readonly #frame: Buffer;
  #next = 0n;
  #completed = 0;
  #sentAt: bigint[] = [];
  #sending = false;
  #idle: () => void = () => {};

  constructor(
    private readonly line: Line,
    pair: RelayPair,
    size: number,
    private readonly window: number,
  ) {
    this.#frame = relayFrame(pair, size);
  }

  run(latency: Times): Promise<void> {
    this.#completed = 0;
    this.#sending = true;
    this.line.onFrame = (frame) => {
      expectNoClosing(frame);
      latency.recordSince(this.#sentAt.shift() ?? 0n);
      this.#completed++;
      if (this.#sending) this.#send();
      else if (this.#sentAt.length === 0) this.#idle();
    };
    for (let i = 0; i < this.window; i++) this.#send();
    return new Promise((resolve) => (this.#idle = resolve));
  }

  /** Stops sending; answers how many messages had been acknowledged by now. */
  stop(): number {
    this.#sending = false;
    return this.#completed;
  }

  #send(): void {
    // A new id in place: the frame is copied when it is sent.
    this.#frame.writeBigUInt64BE(this.#next++, 16);
    this.#sentAt.push(process.hrtime.bigint());
    this.line.send(this.#frame);
  }
}
