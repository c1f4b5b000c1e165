/** The members of the groups but for the author: their devices, as light as can be, which acknowledge what comes at once. */
import { frameMessage, Kind } from "../../src/protocol/hot.js";
import type { SignedIn } from "../../src/protocol/http.js";
import type { MessageId } from "../../src/protocol/ids.js";
import type { Connections } from "../service/connections.js";
import { acknowledge, openSession, type Line } from "../service/line.js";

/** Connections that are made at the same time. */
const AT_ONCE = 8;

export class Members {
  readonly #lines: Line[] = [];
  /** When each message on the way came to somebody, by `performance.now()`. */
  readonly #came = new Map<MessageId, number[]>();
  #waiting: { readonly message: MessageId; readonly count: number; readonly resolve: () => void } | null =
    null;
  #repeated = 0;

  /** Connects those people, in their order, so that any first few of them are spread over all servers. */
  static async connect(
    connections: Connections,
    people: readonly SignedIn[],
    onProgress: (connected: number) => void,
  ): Promise<Members> {
    const members = new Members();
    let next = 0;
    const work = async (): Promise<void> => {
      for (let person = people[next++]; person !== undefined; person = people[next++]) {
        const line = await openSession(await connections.placer(person)(), true);
        members.#listen(line);
        onProgress(members.#lines.push(line));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return members;
  }

  /** Deliveries that came more often than once to somebody, as far as is seen by counting. */
  get repeated(): number {
    return this.#repeated;
  }

  /** @returns when the last of so many had got a message, by `performance.now()` */
  async whenAllHave(message: MessageId, count: number): Promise<number> {
    const came = this.#arrivalsOf(message);
    if (came.length < count) {
      await new Promise<void>((resolve) => {
        this.#waiting = { message, count, resolve };
      });
    }
    return came[count - 1] ?? Infinity;
  }

  /** No message is waited for any more: what came more often than to `count` people was repeated. */
  endRound(count: number): void {
    for (const arrivals of this.#came.values()) this.#repeated += Math.max(0, arrivals.length - count);
    this.#came.clear();
  }

  close(): void {
    for (const { socket } of this.#lines) socket.destroy();
  }

  #listen(line: Line): void {
    line.onFrame = (frame) => {
      if (frame[0] !== Kind.deliver) return;
      const message = frameMessage(frame);
      const count = this.#arrivalsOf(message).push(performance.now());
      acknowledge(line, frame);
      const waiting = this.#waiting;
      if (waiting === null || waiting.message !== message || count < waiting.count) return;
      this.#waiting = null;
      waiting.resolve();
    };
  }

  #arrivalsOf(message: MessageId): number[] {
    const arrivals = this.#came.get(message) ?? [];
    this.#came.set(message, arrivals);
    return arrivals;
  }
}
