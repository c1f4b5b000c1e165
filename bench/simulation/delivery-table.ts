/**
 * The table of deliveries with PostgreSQL's rules for what happens at once: a row has its place from its insert on and
 * shows from its commit on; who inserts a key that another transaction holds waits for that one to end; a removal
 * finds what was committed when it began. What is not committed is forgotten.
 */
import type { AccountId } from "../../src/protocol/ids.js";
import { StoreError } from "../../src/store/database.js";
import {
  RECIPIENT_EXISTS,
  type Body,
  type BodyId,
  type Delivery,
  type DeliveryKey,
  type StoredDelivery,
} from "../../src/store/deliveries.js";
import { FOREIGN_KEY_VIOLATION } from "../../src/store/sqlstate.js";
import { withinBytes } from "./within-bytes.js";

interface Row extends Delivery {
  readonly position: number;
}

export class DeliveryTable {
  readonly bodies = new Map<BodyId, Uint8Array>();
  /** Committed, by key. */
  readonly rows = new Map<string, Row>();
  /** Who inserted or removed a key and has not ended. */
  readonly locks = new Map<string, DeliveryTransaction>();
  #position = 0;

  /** @param exists whether an account exists */
  constructor(readonly exists: (account: AccountId) => boolean) {}

  nextPosition(): number {
    return ++this.#position;
  }

  begin(): DeliveryTransaction {
    return new DeliveryTransaction(this);
  }

  read(recipient: AccountId, position: number, limit: number, maxBytes: number): StoredDelivery[] {
    const found: Row[] = [];
    for (const row of this.rows.values()) {
      if (row.recipient === recipient && row.position > position) found.push(row);
    }
    return withinBytes(
      found
        .sort((a, b) => a.position - b.position)
        .slice(0, limit)
        .map(({ body, ...row }) => ({ ...row, content: this.bodies.get(body) ?? new Uint8Array() })),
      maxBytes,
    );
  }

  pending(recipients: readonly AccountId[]): Map<AccountId, number> {
    const counts = new Map<AccountId, number>();
    for (const account of recipients) if (this.exists(account)) counts.set(account, 0);
    for (const { recipient } of this.rows.values()) {
      const count = counts.get(recipient);
      if (count !== undefined) counts.set(recipient, count + 1);
    }
    return counts;
  }

  /** Removes bodies that no row needs, at most `limit`. */
  sweep(limit: number): number {
    const needed = new Set([...this.rows.values()].map(({ body }) => body));
    const orphans = [...this.bodies.keys()].filter((id) => !needed.has(id)).slice(0, limit);
    for (const id of orphans) this.bodies.delete(id);
    return orphans.length;
  }
}

export class DeliveryTransaction {
  readonly #inserted = new Map<string, Row>();
  readonly #removed = new Set<string>();
  readonly #bodies = new Map<BodyId, Uint8Array>();
  readonly #waiters: (() => void)[] = [];
  #waitsFor: DeliveryTransaction | null = null;
  #ended = false;

  constructor(private readonly table: DeliveryTable) {}

  insertBody({ id, content }: Body): void {
    this.#bodies.set(id, content.slice());
  }

  /**
   * @returns whether the row is new: one that stands already is left as it is
   * @throws StoreError `rejected` for a recipient without an account, `retry` for a deadlock
   */
  async insert(delivery: Delivery): Promise<boolean> {
    const key = keyOf(delivery);
    if (!this.table.exists(delivery.recipient)) {
      throw new StoreError(
        "rejected",
        FOREIGN_KEY_VIOLATION,
        RECIPIENT_EXISTS,
        `no account ${delivery.recipient}`,
      );
    }
    const position = this.table.nextPosition();
    await this.#lock(key);
    if (this.#inserted.has(key) || (this.table.rows.has(key) && !this.#removed.has(key))) return false;
    this.#inserted.set(key, { ...delivery, position });
    return true;
  }

  /** Removes what was committed when this began, or inserted here. */
  async remove(keys: readonly DeliveryKey[]): Promise<void> {
    const visible = keys.map(keyOf).filter((key) => this.table.rows.has(key) || this.#inserted.has(key));
    for (const key of visible) {
      await this.#lock(key);
      this.#inserted.delete(key);
      this.#removed.add(key);
    }
  }

  commit(): void {
    if (this.#ended) return;
    const { rows, bodies } = this.table;
    for (const [id, content] of this.#bodies) if (!bodies.has(id)) bodies.set(id, content);
    for (const key of this.#removed) rows.delete(key);
    for (const [key, row] of this.#inserted) rows.set(key, row);
    this.#end();
  }

  abort(): void {
    if (!this.#ended) this.#end();
  }

  async #lock(key: string): Promise<void> {
    for (;;) {
      const holder = this.table.locks.get(key);
      if (holder === undefined || holder === this) break;
      for (let one: DeliveryTransaction | null = holder; one !== null; one = one.#waitsFor) {
        if (one === this) throw new StoreError("retry", "40P01", undefined, "a deadlock was found");
      }
      this.#waitsFor = holder;
      await new Promise<void>((resolve) => holder.#waiters.push(resolve));
      this.#waitsFor = null;
    }
    this.table.locks.set(key, this);
  }

  #end(): void {
    this.#ended = true;
    for (const [key, holder] of this.table.locks) if (holder === this) this.table.locks.delete(key);
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

function keyOf({ recipient, sender, message }: DeliveryKey): string {
  return recipient + sender + message;
}
