/** The two people who are flooded: one who reads, and one who does not. */
import { Kind, decodeSend } from "../../src/protocol/hot.js";
import type { SignedIn } from "../../src/protocol/http.js";
import type { Connections } from "../service/connections.js";
import { acknowledge, openSession, type Line } from "../service/line.js";
import { numberOf } from "../service/message.js";

export class Reader {
  /** Different messages that came, and how many came again. */
  readonly #came = new Set<string>();
  #repeated = 0;
  #reordered = 0;
  readonly #last = new Map<string, number>();

  private constructor(private readonly line: Line) {
    line.onFrame = (frame) => {
      if (frame[0] !== Kind.deliver) return;
      this.#take(frame);
      acknowledge(line, frame);
    };
  }

  static async connect(connections: Connections, person: SignedIn): Promise<Reader> {
    const placement = await connections.placer(person)();
    return new Reader(await openSession(placement, true));
  }

  get received(): number {
    return this.#came.size;
  }

  get repeated(): number {
    return this.#repeated;
  }

  get reordered(): number {
    return this.#reordered;
  }

  /** Reads nothing any more; what it says still leaves. */
  stopReading(): void {
    this.line.socket.pause();
  }

  readOn(): void {
    this.line.socket.resume();
  }

  get connected(): boolean {
    return !this.line.socket.destroyed;
  }

  close(): void {
    this.line.socket.destroy();
  }

  #take(frame: Uint8Array): void {
    const { account, message, envelope } = decodeSend(frame);
    const key = account + message;
    if (this.#came.has(key)) {
      this.#repeated++;
      return;
    }
    this.#came.add(key);
    const number = numberOf(envelope);
    if (number < (this.#last.get(account) ?? 0)) this.#reordered++;
    this.#last.set(account, number);
  }
}
