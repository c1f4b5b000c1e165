/** Deliveries and their bodies in SQL. */
import { readConversationId } from "../protocol/ids.js";
import { StoreError, type Database, type Queryable } from "./database.js";
import type { Delivery, DeliveryKey, DeliveryStore, StoredDelivery, WriteBatch } from "./deliveries.js";
import { howManyFit } from "./how-many-fit.js";
import { insertStatements } from "./insert-statements.js";
import { FOREIGN_KEY_VIOLATION } from "./sqlstate.js";
import { accountIdOfUuid, messageIdOfUuid } from "./uuid.js";

/** How often a batch is tried, or a sweep, when the other of the two came between. */
const TRIES = 5;

/** A body of at most so many bytes is read with its row; most are. */
const SMALL_BYTES = 8192;

/** Lower than every id. */
const FIRST_UUID = "00000000-0000-0000-0000-000000000000";

const insertBodies = insertStatements("bodies", ["id", "content"]);

const insertDeliveries = insertStatements("deliveries", [
  "recipient",
  "sender",
  "message",
  "conversation",
  "epoch",
  "wrapped_key",
  "body",
]);

// None of these three is prepared by name: a kept plan is made for the tables as they were, and these are empty at
// one hour and long at another. Arrays, since a list of values takes five times as long to plan.
const REMOVE = `
  DELETE FROM deliveries
  USING unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS gone (recipient, sender, message)
  WHERE deliveries.recipient = gone.recipient
    AND deliveries.sender = gone.sender
    AND deliveries.message = gone.message`;

// Only what is small comes along at once: a page of the largest bodies would weigh many times what is wanted of it.
const READ = `
  SELECT d.position, d.recipient, d.sender, d.message, d.conversation, d.epoch, d.wrapped_key,
         octet_length(b.content) AS bytes,
         CASE WHEN octet_length(b.content) <= ${SMALL_BYTES} THEN b.content END AS content
  FROM deliveries d JOIN bodies b ON b.id = d.body
  WHERE d.recipient = $1 AND d.position > $2
  ORDER BY d.position
  LIMIT $3`;

const READ_LARGE = `
  SELECT d.position, b.content
  FROM deliveries d JOIN bodies b ON b.id = d.body
  WHERE d.recipient = $1 AND d.position BETWEEN $2 AND $3 AND octet_length(b.content) > ${SMALL_BYTES}`;

const PENDING = `
  SELECT a.id, count(d.position) AS waiting
  FROM accounts a LEFT JOIN deliveries d ON d.recipient = a.id
  WHERE a.id = ANY($1::uuid[])
  GROUP BY a.id`;

// A body that a writer is giving a delivery at this moment is locked by its foreign key, and passed over.
const SWEEP = `
  DELETE FROM bodies WHERE id IN (
    SELECT b.id FROM bodies b LEFT JOIN deliveries d ON d.body = b.id
    WHERE b.id > $1 AND d.body IS NULL
    ORDER BY b.id
    LIMIT $2
    FOR UPDATE OF b SKIP LOCKED
  )
  RETURNING id`;

interface DeliveryRow {
  readonly position: string;
  readonly recipient: string;
  readonly sender: string;
  readonly message: string;
  readonly conversation: Uint8Array;
  readonly epoch: string;
  readonly wrapped_key: Uint8Array;
  readonly bytes: number;
  /** `null` where it is large. */
  readonly content: Uint8Array | null;
}

/** @param db migrated by `serviceMigrations` */
export function sqlDeliveries(db: Database): DeliveryStore {
  /** Where the next sweep goes on: bodies that stay needed for long are not looked at again by each. */
  let swept = FIRST_UUID;

  return {
    async write(batch) {
      const bodies = insertBodies(batch.bodies.map(({ id, content }) => [id, content]));
      const deliveries = insertDeliveries(batch.deliveries.map(deliveryValues));
      const statements = [...bodies, ...deliveries, ...removal(batch.removals)];
      for (let tries = 1; ; tries++) {
        try {
          const counts = await db.batch(statements);
          const inserted = counts.slice(bodies.length, bodies.length + deliveries.length);
          return { repeated: sum(inserted) < batch.deliveries.length };
        } catch (error) {
          if (!isSweptBody(error) || !bringsItsBodies(batch)) throw error;
          if (tries === TRIES) throw lostRace(error);
        }
      }
    },

    async read(recipient, position, limit, maxBytes) {
      for (let from = position; ;) {
        const values = [recipient, from, limit];
        const { rows } = await db.query<DeliveryRow>({ text: READ, values });
        const weights = rows.map(({ bytes, wrapped_key }) => bytes + wrapped_key.length);
        const fitting = rows.slice(0, howManyFit(weights, limit, maxBytes));
        const found = await withContents(db, fitting);
        if (found.length > 0 || fitting.length === 0) return found;
        // Large ones that were removed between the two statements: what lies behind them is looked at.
        from = Number(fitting.at(-1)?.position);
      }
    },

    async pending(recipients) {
      if (recipients.length === 0) return new Map();
      const { rows } = await db.query<{ id: string; waiting: string }>({
        text: PENDING,
        values: [recipients],
      });
      return new Map(rows.map(({ id, waiting }) => [accountIdOfUuid(id), Number(waiting)]));
    },

    async sweep(limit) {
      for (let tries = 1; ; tries++) {
        try {
          const { rows } = await db.query<{ id: string }>({
            text: SWEEP,
            values: [swept, limit],
            does: "remove",
          });
          const ids = rows.map(({ id }) => id).sort();
          swept = rows.length < limit ? FIRST_UUID : (ids.at(-1) ?? FIRST_UUID);
          return rows.length;
        } catch (error) {
          if (!isSweptBody(error)) throw error;
          if (tries === TRIES) throw lostRace(error);
        }
      }
    },
  };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function deliveryValues(delivery: Delivery): readonly unknown[] {
  const { recipient, sender, message, conversation, epoch, key, body } = delivery;
  return [recipient, sender, message, Buffer.from(conversation, "hex"), epoch, key, body];
}

function removal(keys: readonly DeliveryKey[]): { text: string; values: unknown[] }[] {
  if (keys.length === 0) return [];
  const recipients = keys.map(({ recipient }) => recipient);
  const senders = keys.map(({ sender }) => sender);
  const messages = keys.map(({ message }) => message);
  return [{ text: REMOVE, values: [recipients, senders, messages] }];
}

/** Fetches what is large. A row that is gone meanwhile is left out. */
async function withContents(db: Queryable, rows: readonly DeliveryRow[]): Promise<StoredDelivery[]> {
  const [first] = rows;
  const contents = new Map<string, Uint8Array>();
  if (first !== undefined && rows.some(({ content }) => content === null)) {
    const { rows: large } = await db.query<{ position: string; content: Uint8Array }>({
      text: READ_LARGE,
      values: [first.recipient, first.position, rows.at(-1)?.position],
    });
    for (const { position, content } of large) contents.set(String(position), content);
  }
  return rows.flatMap((row) => {
    const content = row.content ?? contents.get(String(row.position));
    return content === undefined ? [] : [storedDelivery(row, content)];
  });
}

function storedDelivery(row: DeliveryRow, content: Uint8Array): StoredDelivery {
  return {
    position: Number(row.position),
    recipient: accountIdOfUuid(row.recipient),
    sender: accountIdOfUuid(row.sender),
    message: messageIdOfUuid(row.message),
    conversation: readConversationId(row.conversation),
    epoch: Number(row.epoch),
    key: row.wrapped_key,
    content,
  };
}

/**
 * Whether writer and sweep met over a body. It is there when a repeated batch brings it again, and gone when the
 * batch's deliveries come to it; or it is deleted, and has a delivery again by then. Either finds another state next
 * time.
 */
function isSweptBody(error: unknown): error is StoreError {
  return (
    error instanceof StoreError &&
    error.reason === FOREIGN_KEY_VIOLATION &&
    error.constraint === "deliveries_body_exists"
  );
}

/** A delivery whose body nobody brings and nobody has will be refused for ever. */
function bringsItsBodies({ bodies, deliveries }: WriteBatch): boolean {
  const brought = new Set(bodies.map(({ id }) => id));
  return deliveries.every(({ body }) => brought.has(body));
}

function lostRace(cause: StoreError): StoreError {
  return new StoreError(
    "retry",
    cause.reason,
    cause.constraint,
    "Bodies were swept while they were written.",
    {
      cause,
    },
  );
}
