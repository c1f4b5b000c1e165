/** Senders who write to one person at a pace. */
import { HOT_HEADER_BYTES, Kind, Outcome } from "../../src/protocol/hot.js";
import type { SignedIn } from "../../src/protocol/http.js";
import type { AccountId } from "../../src/protocol/ids.js";
import type { Connections } from "../service/connections.js";
import { expectNoClosing, openSession, type Line } from "../service/line.js";
import { MessageMaker } from "../service/message.js";

const OUTCOME_AT = HOT_HEADER_BYTES + 16;
/** How often it is seen to that the pace is kept, in milliseconds. */
const TICK_MS = 5;

/** How many messages ended how. */
export interface FloodOutcome {
  readonly stored: number;
  readonly acknowledged: number;
  readonly queueFull: number;
  /** Refused in another way. */
  readonly other: number;
}

export class Flood {
  readonly #senders: Sender[] = [];
  #number = 0;

  /** @param window messages that each of them has on the way at most */
  static async connect(
    connections: Connections,
    people: readonly SignedIn[],
    size: number,
    window: number,
  ): Promise<Flood> {
    const flood = new Flood();
    for (const person of people) {
      const placement = await connections.placer(person)();
      const line = await openSession(placement, false);
      flood.#senders.push(new Sender(line, person.account, size, window));
    }
    return flood;
  }

  /**
   * Sends `count` messages, no faster than `perSecond`.
   *
   * @returns once all are answered
   */
  async send(to: AccountId, count: number, perSecond: number): Promise<FloodOutcome> {
    const before = this.#outcome();
    const started = performance.now();
    let sent = 0;
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const due = Math.min(count, ((performance.now() - started) / 1000) * perSecond);
        let full = 0;
        while (sent < due && full < this.#senders.length) {
          const sender = this.#senders[sent % this.#senders.length] as Sender;
          if (sender.full) {
            // In its turn still: order is per sender, and nobody else's place is taken.
            full = this.#senders.length;
            continue;
          }
          sender.send(to, ++this.#number);
          sent++;
        }
        if (sent < count || this.#senders.some(({ onTheWay }) => onTheWay > 0)) return;
        clearInterval(timer);
        resolve();
      }, TICK_MS);
    });
    const after = this.#outcome();
    return {
      stored: after.stored - before.stored,
      acknowledged: after.acknowledged - before.acknowledged,
      queueFull: after.queueFull - before.queueFull,
      other: after.other - before.other,
    };
  }

  close(): void {
    for (const sender of this.#senders) sender.close();
  }

  #outcome(): FloodOutcome {
    const sum = (of: (outcome: FloodOutcome) => number): number =>
      this.#senders.reduce((total, { outcome }) => total + of(outcome), 0);
    return {
      stored: sum(({ stored }) => stored),
      acknowledged: sum(({ acknowledged }) => acknowledged),
      queueFull: sum(({ queueFull }) => queueFull),
      other: sum(({ other }) => other),
    };
  }
}

class Sender {
  readonly outcome = { stored: 0, acknowledged: 0, queueFull: 0, other: 0 };
  onTheWay = 0;
  readonly #messages: MessageMaker;

  constructor(
    private readonly line: Line,
    account: AccountId,
    size: number,
    private readonly window: number,
  ) {
    this.#messages = new MessageMaker(account, size);
    line.onFrame = (frame) => {
      expectNoClosing(frame);
      if (frame[0] !== Kind.accepted) return;
      this.onTheWay--;
      if (frame[OUTCOME_AT] === Outcome.stored) this.outcome.stored++;
      else if (frame[OUTCOME_AT] === Outcome.acknowledged) this.outcome.acknowledged++;
      else if (frame[OUTCOME_AT] === Outcome.queueFull) this.outcome.queueFull++;
      else this.outcome.other++;
    };
  }

  get full(): boolean {
    return this.onTheWay >= this.window;
  }

  send(to: AccountId, number: number): void {
    this.onTheWay++;
    this.line.send(this.#messages.next(to, number));
  }

  close(): void {
    this.line.socket.destroy();
  }
}
