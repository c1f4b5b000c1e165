/** The one side of the pending bench: people who write to others that are offline, through the whole server. */
import type { SignedIn } from "../../src/protocol/http.js";
import { HOT_HEADER_BYTES, Kind, Outcome } from "../../src/protocol/hot.js";
import type { AccountId } from "../../src/protocol/ids.js";
import type { Times } from "../percentiles.js";
import type { Connections } from "../service/connections.js";
import { expectNoClosing, openSession, type Line } from "../service/line.js";
import { MessageMaker, markOf } from "../service/message.js";

const OUTCOME_AT = HOT_HEADER_BYTES + 16;

export interface Load {
  readonly recipients: readonly AccountId[];
  /** Messages that each sender has on the way. */
  readonly window: number;
  /** Bytes of an envelope. */
  readonly size: number;
}

/** Senders, each with a window of messages on the way. */
export class WholeServer {
  readonly #senders: Sender[];

  private constructor(senders: Sender[]) {
    this.#senders = senders;
  }

  static async connect(
    connections: Connections,
    people: readonly SignedIn[],
    load: Load,
  ): Promise<WholeServer> {
    const senders: Sender[] = [];
    for (const [index, person] of people.entries()) {
      const placement = await connections.placer(person)();
      const line = await openSession(placement, false);
      senders.push(new Sender(line, person.account, index, load));
    }
    return new WholeServer(senders);
  }

  /** @returns messages accepted within `seconds`, and in which time exactly */
  async run(seconds: number, latency: Times): Promise<{ messages: number; seconds: number }> {
    const started = process.hrtime.bigint();
    const idle = this.#senders.map((sender) => sender.run(latency));
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const messages = this.#senders.reduce((sum, sender) => sum + sender.stop(), 0);
    const ended = process.hrtime.bigint();
    await Promise.all(idle);
    return { messages, seconds: Number(ended - started) / 1e9 };
  }

  close(): void {
    for (const sender of this.#senders) sender.close();
  }
}

class Sender {
  readonly #messages: MessageMaker;
  #number: number;
  #accepted = 0;
  /** When each of those on the way was sent, at the mark that its id bears: they need not be accepted in their order. */
  readonly #sentAt: BigInt64Array;
  readonly #free: number[];
  #sending = false;
  #idle: () => void = () => {};

  constructor(
    private readonly line: Line,
    account: AccountId,
    first: number,
    private readonly load: Load,
  ) {
    this.#messages = new MessageMaker(account, load.size);
    // Everybody begins with another recipient.
    this.#number = first;
    this.#sentAt = new BigInt64Array(load.window);
    this.#free = Array.from({ length: load.window }, (_, mark) => mark);
  }

  run(latency: Times): Promise<void> {
    this.#accepted = 0;
    this.#sending = true;
    this.line.onFrame = (frame) => {
      expectNoClosing(frame);
      if (frame[0] === Kind.control) return;
      if (frame[0] !== Kind.accepted || frame[OUTCOME_AT] !== Outcome.stored)
        throw new Error(`a message was not stored, its outcome is ${frame[OUTCOME_AT]}`);
      const mark = markOf(frame);
      latency.recordSince(this.#sentAt[mark] ?? 0n);
      this.#free.push(mark);
      this.#accepted++;
      if (this.#sending) this.#send();
      else if (this.#free.length === this.load.window) this.#idle();
    };
    for (let i = 0; i < this.load.window; i++) this.#send();
    return new Promise((resolve) => (this.#idle = resolve));
  }

  /** Stops sending; answers how many messages had been accepted by now. */
  stop(): number {
    this.#sending = false;
    return this.#accepted;
  }

  close(): void {
    this.line.socket.destroy();
  }

  #send(): void {
    const mark = this.#free.pop();
    if (mark === undefined) throw new Error("an answer came twice");
    const { recipients } = this.load;
    const number = this.#number++;
    this.#sentAt[mark] = process.hrtime.bigint();
    this.line.send(this.#messages.next(recipients[number % recipients.length] as AccountId, number, mark));
  }
}
