/** The other side of the pending bench: the same statement on the same database, and nothing else. */
import { randomBytes } from "node:crypto";
import type { AccountId, ConversationId, MessageId } from "../../src/protocol/ids.js";
import type { BodyId, DeliveryStore, WriteBatch } from "../../src/store/deliveries.js";
import { WRAPPED_KEY_BYTES } from "../service/message.js";

export interface Bare {
  readonly senders: readonly AccountId[];
  readonly recipients: readonly AccountId[];
  /** Bytes of an envelope. */
  readonly size: number;
  /** Rows of a transaction. */
  readonly rows: number;
  /** Writers, each with one transaction on the way: as many as there are chat servers. */
  readonly writers: number;
}

export class BareStatement {
  readonly #prefix = randomBytes(8).toString("hex");
  /** Opaque to the database; the same each time, so that making them takes no part in what is measured. */
  readonly #key = randomBytes(WRAPPED_KEY_BYTES);
  readonly #envelope: Buffer;
  readonly #conversation = randomBytes(32).toString("hex") as ConversationId;
  #next = 0;

  constructor(
    private readonly store: DeliveryStore,
    private readonly bare: Bare,
  ) {
    this.#envelope = randomBytes(bare.size);
  }

  /** @returns rows committed within `seconds`, and in which time exactly */
  async run(seconds: number): Promise<{ messages: number; seconds: number }> {
    const started = process.hrtime.bigint();
    let committed = 0;
    let ended = 0n;
    const write = async (): Promise<void> => {
      while (ended === 0n) {
        const batch = this.#batch();
        await this.store.write(batch);
        if (ended === 0n) committed += batch.deliveries.length;
      }
    };
    const writing = Promise.all(Array.from({ length: this.bare.writers }, write));
    await Promise.race([writing, new Promise((resolve) => setTimeout(resolve, seconds * 1000))]);
    ended = process.hrtime.bigint();
    await writing;
    return { messages: committed, seconds: Number(ended - started) / 1e9 };
  }

  #batch(): WriteBatch {
    const { senders, recipients, rows } = this.bare;
    const bodies: WriteBatch["bodies"][number][] = [];
    const deliveries: WriteBatch["deliveries"][number][] = [];
    for (let i = 0; i < rows; i++) {
      const number = this.#next++;
      const id = this.#prefix + number.toString(16).padStart(16, "0");
      bodies.push({ id: id as BodyId, content: this.#envelope });
      deliveries.push({
        // Each sender to each recipient in turn, as on the other side: indexes are filled in the same places.
        recipient: recipients[
          (number + Math.floor(number / senders.length)) % recipients.length
        ] as AccountId,
        sender: senders[number % senders.length] as AccountId,
        message: id as MessageId,
        conversation: this.#conversation,
        epoch: 0,
        key: this.#key,
        body: id as BodyId,
      });
    }
    return { bodies, deliveries, removals: [] };
  }
}
