/** People who write to others that are offline, and what must be there when these come: each sender's messages, in order. */
import { Outcome } from "../../src/protocol/hot.js";
import type { SignedIn } from "../../src/protocol/http.js";
import type { AccountId } from "../../src/protocol/ids.js";
import type { Connections } from "../service/connections.js";
import { Device } from "../service/device.js";
import { numberOf } from "../service/message.js";

/** Bytes of an envelope. */
const SIZE = 512;

/** What was accepted, and what came. */
export interface Balance {
  readonly accepted: number;
  readonly received: number;
  /** Accepted, and not received. */
  readonly lost: number;
  /** Received for the first time behind a later one of the same sender. */
  readonly reordered: number;
  /** Received more than once; an archive would keep the first. */
  readonly repeated: number;
}

/** Pairs of a sender and a recipient: numbers of the messages, in the order in which they were told or came. */
type Numbers = Map<string, number[]>;

export class Ledger {
  readonly #accepted = new Map<string, Set<number>>();
  readonly #received: Numbers = new Map();
  #count = 0;
  #arrived = 0;

  get acceptedCount(): number {
    return this.#count;
  }

  /** Messages that came, repeated ones included. */
  get arrivedCount(): number {
    return this.#arrived;
  }

  accepted(sender: AccountId, recipient: AccountId, number: number): void {
    const key = `${sender} ${recipient}`;
    const numbers = this.#accepted.get(key);
    if (numbers === undefined) this.#accepted.set(key, new Set([number]));
    else numbers.add(number);
    this.#count++;
  }

  received(sender: AccountId, recipient: AccountId, number: number): void {
    const key = `${sender} ${recipient}`;
    const numbers = this.#received.get(key);
    if (numbers === undefined) this.#received.set(key, [number]);
    else numbers.push(number);
    this.#arrived++;
  }

  balance(): Balance {
    let [received, lost, reordered, repeated] = [0, 0, 0, 0];
    for (const [key, numbers] of this.#accepted) {
      const came = new Set(this.#received.get(key) ?? []);
      for (const number of numbers) if (!came.has(number)) lost++;
    }
    for (const numbers of this.#received.values()) {
      const seen = new Set<number>();
      let last = 0;
      for (const number of numbers) {
        if (seen.has(number)) {
          repeated++;
          continue;
        }
        seen.add(number);
        if (number < last) reordered++;
        last = Math.max(last, number);
      }
      received += seen.size;
    }
    return { accepted: this.#count, received, lost, reordered, repeated };
  }
}

/** Somebody who keeps a window of messages on the way to people in turn, through every loss of a session. */
export class Writer {
  readonly #device: Device;
  /** Of messages that are not accepted: the number of each. */
  readonly #numbers = new Map<string, number>();
  #writing = false;
  #turn: number;

  constructor(
    connections: Connections,
    person: SignedIn,
    private readonly recipients: readonly AccountId[],
    private readonly window: number,
    first: number,
    ledger: Ledger,
  ) {
    this.#turn = first;
    this.#device = new Device(connections, person, SIZE, {
      onAccepted: (device, { message, recipients: told }) => {
        const number = this.#numbers.get(message);
        if (number === undefined) return;
        this.#numbers.delete(message);
        for (const { recipient, outcome } of told) {
          if (outcome !== Outcome.stored && outcome !== Outcome.acknowledged)
            throw new Error(`a message was refused, its outcome is ${outcome}`);
          ledger.accepted(device.account, recipient, number);
        }
        this.#fill();
      },
    });
  }

  begin(): void {
    this.#writing = true;
    this.#fill();
  }

  /** Writes no more. @returns once everything is accepted */
  end(): Promise<void> {
    this.#writing = false;
    return this.#device.whenAccepted();
  }

  close(): void {
    this.#device.close();
  }

  #fill(): void {
    while (this.#writing && this.#numbers.size < this.window) {
      const recipient = this.recipients[this.#turn++ % this.recipients.length] as AccountId;
      const { message, number } = this.#device.send(recipient);
      this.#numbers.set(message, number);
    }
  }
}

/** Somebody who comes to take what waits. */
export function reader(
  connections: Connections,
  person: SignedIn,
  ledger: Ledger,
  onLive: () => void,
): Device {
  const device = new Device(connections, person, SIZE, {
    onDeliver: ({ account }, delivery) =>
      ledger.received(delivery.account, account, numberOf(delivery.envelope)),
    onLive,
  });
  device.listen();
  return device;
}
