/** Messages of a mailbox that are not settled, in the order of arrival, held in memory up to a limit. */
import type { AccountId, MessageId } from "../../protocol/ids.js";
import { RELEASED, type KeptFrame } from "./kept-frame.js";
import type { Origin, SharedBody } from "./mailbox-ports.js";

/** A message that is not settled yet. */
export interface Held {
  /** See {@link keyOf}. */
  readonly key: string;
  readonly sender: AccountId;
  readonly message: MessageId;
  /** A `deliver` frame that names this account, but for the envelope where others share that. */
  frame: KeptFrame;
  readonly body: SharedBody;
  /** What is kept for it, in bytes. */
  readonly bytes: number;
  /** When it came, in milliseconds. */
  readonly since: number;
  origins: Origin[];
  /** Whether every attached session was given it. */
  delivered: boolean;
}

/** Who may wait for one message at once: more are its sender repeating itself. */
const MOST_ORIGINS = 8;

/** What a message takes besides its frame, about: its own entries, and the mailbox that it may be alone in. */
const OVERHEAD_BYTES = 1024;

/** What an unsettled message takes in memory, in bytes; about. */
export function keptBytes({ frame, bytes }: Held): number {
  return frame === RELEASED ? 0 : bytes + OVERHEAD_BYTES;
}

/**
 * Bytes of a recipient's own frame, and its part of an envelope that others share: all together count that once. What the
 * last of many keeps counts for little; but as long, its sender's server counts all of it.
 */
export function bytesOf(frame: KeptFrame, { envelope, among }: SharedBody): number {
  return frame.length + Math.ceil(envelope.length / among);
}

/** Names a message among those for one account. */
export function keyOf(sender: AccountId, message: MessageId): string {
  return sender + message;
}

/** The same message was asked for again: its sender came back, or its sender's server sent it again. */
export function askAgain(held: Held, origin: Origin): void {
  held.origins = [...held.origins.slice(1 - MOST_ORIGINS), origin];
}

/** Some do not wait for it any more. */
export function leaveOut(held: Held, gone: (origin: Origin) => boolean): void {
  held.origins = held.origins.filter((origin) => !gone(origin));
}

export class HeldMessages {
  #byKey = new Map<string, Held>();
  #bytes = 0;

  constructor(
    private readonly limits: { readonly heldPerMailbox: number; readonly heldBytesPerMailbox: number },
  ) {}

  get size(): number {
    return this.#byKey.size;
  }

  /** More than may be held. */
  get over(): boolean {
    return this.#byKey.size > this.limits.heldPerMailbox || this.#bytes > this.limits.heldBytesPerMailbox;
  }

  get oldest(): Held | null {
    for (const held of this.#byKey.values()) return held;
    return null;
  }

  get(key: string): Held | undefined {
    return this.#byKey.get(key);
  }

  values(): Iterable<Held> {
    return this.#byKey.values();
  }

  add(held: Held): void {
    this.#byKey.set(held.key, held);
    this.#bytes += held.bytes;
  }

  /** Takes one out, with its frame as it was held. */
  take(key: string): Held | undefined {
    const held = this.#byKey.get(key);
    if (held === undefined) return undefined;
    this.#byKey.delete(key);
    this.#bytes -= held.bytes;
    return held;
  }

  /** Takes all out, in order. */
  takeAll(): Held[] {
    const all = [...this.#byKey.values()];
    this.#byKey = new Map();
    this.#bytes = 0;
    return all;
  }
}
