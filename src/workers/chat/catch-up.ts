/** Reads what waits for an account to its sessions, oldest first, with a window of unacknowledged messages. */
import { Kind, encodeSend } from "../../protocol/hot.js";
import type { AccountId } from "../../protocol/ids.js";
import type { StoredDelivery } from "../../store/deliveries.js";
import { keyOf } from "./held-messages.js";

export interface CatchUpPorts {
  /** Rows behind a position, one at least if there is one, or `null` where the database failed. */
  read(position: number, limit: number, maxBytes: number): Promise<StoredDelivery[] | null>;
  /** Whether the way to some session is full. */
  full(): boolean;
  /** Whether a message is with the writer, and its write not answered. */
  isWriting(key: string): boolean;
  /** A `deliver` frame for every session. */
  deliver(frame: Uint8Array): void;
  /** No row was left at the last look. */
  onEnd(): void;
  /** Messages that may be unacknowledged at once. */
  readonly window: number;
  /** Bytes that they may have together: less than what makes a session count as one that does not read. */
  readonly windowBytes: number;
}

export class CatchUp {
  #active = false;
  /** Position of the last row read to the sessions. */
  #position = 0;
  /** What all sessions were given, nobody acknowledged yet, and stands in the database or is on its way there. */
  readonly #unacknowledged = new Map<string, number>();
  /** Bytes of these. */
  #unacknowledgedBytes = 0;
  #reading = false;
  /** Counts starts over: the rows of a read from before are for sessions that may be gone, and come again. */
  #round = 0;
  /** Counts commits: a read that was under way may have missed their rows. */
  #commits = 0;
  /** Whether a row may have come to stand below the position, since an earlier home's commit was a late one. */
  #behind = false;

  constructor(
    private readonly account: AccountId,
    private readonly ports: CatchUpPorts,
  ) {}

  /** Messages that were given to the sessions and still stand in the database, as far as is known. */
  get unacknowledged(): number {
    return this.#unacknowledged.size;
  }

  /** Reads from the oldest row again, to every session. */
  startOver(): void {
    this.#active = true;
    this.#position = 0;
    this.#behind = false;
    this.#forget();
    this.#round++;
    this.readOn();
  }

  /** Goes on behind what was read. The sessions were given these messages in another way. */
  resume(given: readonly { readonly key: string; readonly bytes: number }[]): void {
    this.#active = true;
    for (const { key, bytes } of given) this.#give(key, bytes);
  }

  /** The sessions are up to date, but for what they have yet to acknowledge. */
  pause(): void {
    this.#active = false;
  }

  /** The sessions are gone. */
  stop(): void {
    this.#active = false;
    this.#forget();
    this.#round++;
  }

  /** @returns whether the sessions were given it from the database, or it went there since */
  acknowledge(key: string): boolean {
    this.#unacknowledgedBytes -= this.#unacknowledged.get(key) ?? 0;
    return this.#unacknowledged.delete(key);
  }

  /** @param repeated whether something of the batch stood already */
  committed(repeated: boolean): void {
    this.#commits++;
    if (repeated) this.#behind = true;
  }

  /** Reads if there may be something to read, and room for it. */
  readOn(): void {
    const room = this.ports.window - this.#unacknowledged.size;
    // Half a window at least, so that a reader who acknowledges one by one does not cause a query for each.
    if (!this.#active || this.#reading || room < this.ports.window / 2 || this.ports.full()) return;
    const roomBytes = this.ports.windowBytes - this.#unacknowledgedBytes;
    if (roomBytes < this.ports.windowBytes / 2) return;
    if (this.#behind) {
      this.#behind = false;
      this.#position = 0;
    }
    this.#reading = true;
    const round = this.#round;
    const commits = this.#commits;
    void this.ports.read(this.#position, room, roomBytes).then((rows) => {
      this.#reading = false;
      if (!this.#active || rows === null) return;
      if (round !== this.#round || this.#behind) this.readOn();
      else if (rows.length === 0 && commits === this.#commits) this.ports.onEnd();
      else if (this.#deliver(rows)) this.readOn();
    });
  }

  #give(key: string, bytes: number): void {
    this.#unacknowledged.set(key, bytes);
    this.#unacknowledgedBytes += bytes;
  }

  #forget(): void {
    this.#unacknowledged.clear();
    this.#unacknowledgedBytes = 0;
  }

  /**
   * Stops at a row whose write is not answered yet: only the answer tells whether one before it stands at a lower
   * position. The answer has reading go on. Stops, too, where a link has become full meanwhile, until it has room.
   *
   * @returns whether there may be more to read at once
   */
  #deliver(rows: readonly StoredDelivery[]): boolean {
    for (const row of rows) {
      const key = keyOf(row.sender, row.message);
      const given = this.#unacknowledged.has(key);
      if (!given && (this.ports.isWriting(key) || this.ports.full())) return false;
      this.#position = row.position;
      if (given) continue;
      this.#give(key, row.content.length + row.key.length);
      this.ports.deliver(
        encodeSend(Kind.deliver, {
          epoch: row.epoch,
          message: row.message,
          account: row.sender,
          conversation: row.conversation,
          keys: [{ recipient: this.account, key: row.key }],
          envelope: row.content,
        }),
      );
    }
    return true;
  }
}
