/**
 * Deliveries in memory, with the promises of the SQL store: a batch is written whole or not at all, what was written
 * stays, and what was not is forgotten. It can be told to fail, before or after its commit.
 */
import type { AccountId, MessageId } from "../../src/protocol/ids.js";
import { StoreError } from "../../src/store/database.js";
import {
  RECIPIENT_EXISTS,
  type BodyId,
  type Delivery,
  type DeliveryKey,
  type DeliveryStore,
  type StoredDelivery,
  type WriteBatch,
} from "../../src/store/deliveries.js";
import { withinBytes } from "./within-bytes.js";

/** What the next calls run into. */
export type StoreFault = "none" | "away" | "lostAnswer";

export class MemoryDeliveries implements DeliveryStore {
  readonly #bodies = new Map<BodyId, Uint8Array>();
  readonly #rows = new Map<string, Delivery & { readonly position: number }>();
  readonly #hidden = new Set<MessageId>();
  #position = 0;
  /** `away`: nothing is done; `lostAnswer`: it is done, and reported as failed. */
  fault: StoreFault = "none";
  /** Batches committed. */
  commits = 0;

  /** @param exists whether an account exists */
  constructor(private readonly exists: (account: AccountId) => boolean) {}

  /** Takes a message for one whose batch has drawn its position and is not committed; writing it again waits for that. */
  hide(message: MessageId): void {
    this.#hidden.add(message);
  }

  async write({ bodies, deliveries, removals }: WriteBatch): Promise<{ repeated: boolean }> {
    this.#checkAway();
    const unknown = deliveries.find(({ recipient }) => !this.exists(recipient));
    if (unknown !== undefined) {
      throw new StoreError("rejected", "23503", RECIPIENT_EXISTS, `no account ${unknown.recipient}`);
    }
    for (const { id, content } of bodies) if (!this.#bodies.has(id)) this.#bodies.set(id, content.slice());
    let repeated = false;
    for (const delivery of deliveries) {
      const key = keyOf(delivery);
      this.#hidden.delete(delivery.message);
      if (this.#rows.has(key)) repeated = true;
      else this.#rows.set(key, { ...delivery, position: ++this.#position });
    }
    for (const removal of removals) this.#rows.delete(keyOf(removal));
    this.commits++;
    if (this.fault === "lostAnswer") throw connectionLost();
    return { repeated };
  }

  async read(
    recipient: AccountId,
    position: number,
    limit: number,
    maxBytes: number,
  ): Promise<StoredDelivery[]> {
    this.#checkAway();
    return withinBytes(
      [...this.#rows.values()]
        .filter(
          (row) => row.recipient === recipient && row.position > position && !this.#hidden.has(row.message),
        )
        .sort((a, b) => a.position - b.position)
        .slice(0, limit)
        .map(({ body, ...row }) => ({ ...row, content: this.#bodies.get(body) ?? new Uint8Array() })),
      maxBytes,
    );
  }

  async pending(recipients: readonly AccountId[]): Promise<Map<AccountId, number>> {
    this.#checkAway();
    const counts = new Map<AccountId, number>();
    for (const account of recipients) if (this.exists(account)) counts.set(account, 0);
    for (const { recipient } of this.#rows.values()) {
      const count = counts.get(recipient);
      if (count !== undefined) counts.set(recipient, count + 1);
    }
    return counts;
  }

  async sweep(limit: number): Promise<number> {
    this.#checkAway();
    const needed = new Set([...this.#rows.values()].map(({ body }) => body));
    const orphans = [...this.#bodies.keys()].filter((id) => !needed.has(id)).slice(0, limit);
    for (const id of orphans) this.#bodies.delete(id);
    return orphans.length;
  }

  /** Rows that wait, for a test to look at. */
  get rows(): number {
    return this.#rows.size;
  }

  /** Bodies that are stored. */
  get bodies(): number {
    return this.#bodies.size;
  }

  #checkAway(): void {
    if (this.fault === "away") throw connectionLost();
  }
}

function connectionLost(): StoreError {
  return new StoreError("retry", "08006", undefined, "the connection was lost");
}

function keyOf({ recipient, sender, message }: DeliveryKey): string {
  return recipient + sender + message;
}
