/** Messages that wait for their recipients: each body is stored once, however many wait for it. */
import type { AccountId, BodyId, ConversationId, MessageId } from "../protocol/ids.js";

export type { BodyId } from "../protocol/ids.js";

export interface Body {
  readonly id: BodyId;
  /** The envelope. */
  readonly content: Uint8Array;
}

/** Names one delivery for ever. */
export interface DeliveryKey {
  readonly recipient: AccountId;
  readonly sender: AccountId;
  readonly message: MessageId;
}

export interface Delivery extends DeliveryKey {
  readonly conversation: ConversationId;
  readonly epoch: number;
  /** The Fernet key, wrapped for the recipient. */
  readonly key: Uint8Array;
  readonly body: BodyId;
}

/** A stored delivery with its body. */
export interface StoredDelivery extends Omit<Delivery, "body"> {
  /** Grows in the order of writing, for one recipient. */
  readonly position: number;
  readonly content: Uint8Array;
}

export interface WriteBatch {
  readonly bodies: readonly Body[];
  readonly deliveries: readonly Delivery[];
  /** Removed after the deliveries are written. */
  readonly removals: readonly DeliveryKey[];
}

/** The constraint that refuses a delivery to an account that does not exist. */
export const RECIPIENT_EXISTS = "deliveries_recipient_exists";

export interface DeliveryStore {
  /**
   * Writes a batch in one transaction, in its order. What stands already is left as it is, so a batch whose outcome
   * is unknown can be written again. It brings the body of each of its deliveries: one written before may be swept.
   *
   * @returns whether some of its deliveries stood already, at a position that may be lower than others'
   * @throws StoreError `rejected` if a row is refused (an unknown recipient); nothing of the batch is then written.
   * `retry` if all of it may or may not be written
   */
  write(batch: WriteBatch): Promise<{ readonly repeated: boolean }>;
  /**
   * Deliveries of `recipient` behind `position`, oldest first; at most `limit`, and not more than `maxBytes` of contents
   * and keys, but for the first. None only if there is none.
   */
  read(recipient: AccountId, position: number, limit: number, maxBytes: number): Promise<StoredDelivery[]>;
  /** How many deliveries wait for each of these accounts; an account that does not exist is missing from the answer. */
  pending(recipients: readonly AccountId[]): Promise<Map<AccountId, number>>;
  /**
   * Removes bodies that no delivery needs, at most `limit`. Calls go through the bodies from one end to the other: who
   * gets fewer than `limit` has reached the end, and the next call starts over.
   *
   * @returns how many were removed
   */
  sweep(limit: number): Promise<number>;
}
