/** PROTOCOL.md, "Writes". */
import t from "tap";
import { MemoryDeliveries } from "../../../bench/simulation/memory-deliveries.js";
import { VirtualClock } from "../../../bench/simulation/virtual-clock.js";
import type { AccountId, ConversationId, MessageId } from "../../../src/protocol/ids.js";
import { StoreError } from "../../../src/store/database.js";
import type { Body, BodyId, Delivery, WriteBatch } from "../../../src/store/deliveries.js";
import { DeliveryWriter, type WriteOutcome } from "../../../src/workers/chat/delivery-writer.js";
import { account } from "./cluster.js";

const stranger = account("stranger");

class CountingStore extends MemoryDeliveries {
  readonly batches: WriteBatch[] = [];
  /** An epoch that a constraint refuses. */
  refusedEpoch: number | null = null;

  override write(batch: WriteBatch): Promise<{ repeated: boolean }> {
    this.batches.push(batch);
    if (batch.deliveries.some(({ epoch }) => epoch === this.refusedEpoch)) {
      return Promise.reject(new StoreError("rejected", "23514", "deliveries_epoch_check", "refused"));
    }
    return super.write(batch);
  }
}

function setUp(maxRows = 100) {
  const store = new CountingStore((id) => id !== stranger);
  const clock = new VirtualClock();
  const soon: (() => void)[] = [];
  const errors: object[] = [];
  const writer = new DeliveryWriter({
    store,
    clock,
    maxRows,
    maxBytes: 1_000_000,
    retryMinMs: 100,
    retryMaxMs: 1000,
    log: { debug() {}, info() {}, warn() {}, error: (fields) => void errors.push(fields) },
    soon: (callback) => soon.push(callback),
  });
  const settle = async (): Promise<void> => {
    for (const callback of soon.splice(0)) callback();
    for (let i = 0; i < 50; i++) await Promise.resolve();
  };
  const outcomes: (WriteOutcome | undefined)[] = [];
  const insert = (index: number, recipient: AccountId = account("bob")) =>
    writer.insert(
      {
        key: delivery(index, recipient),
        bytes: 2,
        make: () => ({ delivery: delivery(index, recipient), content: () => body(index).content }),
      },
      (outcome) => (outcomes[index] = outcome),
    );
  return { store, clock, writer, settle, outcomes, errors, insert };
}

function delivery(index: number, recipient: AccountId): Delivery {
  return {
    recipient,
    sender: account("alice"),
    message: index.toString(16).padStart(32, "0") as MessageId,
    conversation: "c".repeat(64) as ConversationId,
    epoch: index,
    key: Uint8Array.of(1),
    body: body(index).id,
  };
}

function body(index: number): Body {
  return { id: index.toString(16).padStart(32, "b") as BodyId, content: Uint8Array.of(index & 255) };
}

t.test("what comes in one turn, and while a batch commits, is one batch each", async (t) => {
  const { store, writer, insert, settle, outcomes } = setUp();
  for (let i = 0; i < 10; i++) insert(i);
  const settled = settle();
  for (let i = 10; i < 30; i++) insert(i);
  await settled;
  await settle();
  t.same(
    store.batches.map(({ deliveries }) => deliveries.length),
    [10, 20],
  );
  t.ok(outcomes.every((outcome) => outcome === "committed"));
  t.equal(writer.pending, 0);
});

t.test("a batch is no larger than allowed, and the order stays", async (t) => {
  const { store, insert, settle } = setUp(4);
  for (let i = 0; i < 10; i++) insert(i);
  await settle();
  t.same(
    store.batches.map(({ deliveries }) => deliveries.length),
    [4, 4, 2],
  );
  t.same(
    store.batches.flatMap(({ deliveries }) => deliveries.map(({ message }) => parseInt(message, 16))),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
});

t.test("a batch that failed for a reason that passes is written again before any later one", async (t) => {
  const { store, clock, insert, settle, outcomes } = setUp(2);
  store.fault = "away";
  for (let i = 0; i < 4; i++) insert(i);
  await settle();
  t.same(outcomes, []);
  clock.advance(100);
  await settle();
  t.equal(store.batches.length, 2, "the same batch, twice");
  t.same(store.batches[0], store.batches[1]);
  store.fault = "none";
  clock.advance(1000);
  await settle();
  t.same(outcomes, ["committed", "committed", "committed", "committed"]);
});

t.test("a refused row is found by halving, and the others are written", async (t) => {
  const { store, insert, settle, outcomes, errors } = setUp();
  for (let i = 0; i < 9; i++) insert(i, i === 5 ? stranger : account("bob"));
  await settle();
  t.same(
    outcomes.map((outcome) => outcome),
    [0, 1, 2, 3, 4, 5, 6, 7, 8].map((i) => (i === 5 ? "refused" : "committed")),
  );
  t.equal(store.rows, 8);
  t.same(errors, [], "an account that does not exist is nobody's defect");
});

t.test("a row that is refused for another reason than its recipient is told of", async (t) => {
  const { store, insert, settle, outcomes, errors } = setUp();
  store.refusedEpoch = 2;
  for (let i = 0; i < 4; i++) insert(i);
  await settle();
  t.same(outcomes, ["committed", "committed", "refused", "committed"]);
  t.match(errors, [{ reason: "23514", constraint: "deliveries_epoch_check" }]);
  t.equal(errors.length, 1);
});

t.test("a removal takes effect after every insert before it", async (t) => {
  const { store, writer, insert, settle } = setUp();
  insert(1);
  writer.remove({
    recipient: account("bob"),
    sender: account("alice"),
    message: delivery(1, stranger).message,
  });
  await settle();
  t.equal(store.rows, 0);
});

t.test("a removal that is queued already is not queued again, unless an insert came between", async (t) => {
  const { store, writer, insert, settle } = setUp(1);
  const { recipient, sender, message } = delivery(1, account("bob"));
  insert(0);
  await settle();
  store.fault = "away";
  insert(2);
  await settle();
  for (let i = 0; i < 1000; i++) writer.remove({ recipient, sender, message });
  t.equal(writer.pending, 2, "the insert on its way, and one removal");
  insert(1);
  writer.remove({ recipient, sender, message });
  t.equal(writer.pending, 4);
});

t.test("an insert can be taken back until the database has it", async (t) => {
  const { store, insert, settle, outcomes } = setUp(1);
  const first = insert(0);
  const second = insert(1);
  const settled = settle();
  t.notOk(first.drop(), "it is on its way");
  t.ok(second.drop());
  t.notOk(second.drop(), "once");
  await settled;
  t.same(outcomes, ["committed"]);
  t.equal(store.rows, 1);
});

t.test("an insert that is given up is not tried again, and the rest of its batch is", async (t) => {
  const { store, clock, insert, settle, outcomes } = setUp();
  store.fault = "away";
  const first = insert(0);
  insert(1);
  await settle();
  first.giveUp();
  store.fault = "none";
  clock.advance(1_000);
  await settle();
  t.same(
    store.batches.map(({ deliveries }) => deliveries.length),
    [2, 1],
  );
  t.equal(outcomes[1], "committed");
  t.equal(store.rows, 1);
});

t.test("what is dropped by the hundred does not stay in the queue", async (t) => {
  const { store, writer, insert, settle } = setUp(4);
  store.fault = "away";
  insert(0);
  await settle();
  for (let i = 1; i <= 100; i++) insert(i).drop();
  t.ok(writer.pending <= 1 + 2 * 4, `${writer.pending} writes are queued`);
  const kept = insert(101);
  t.ok(kept.drop());
});

t.test("removals of what may not be there queue one batch, and keep no others out", async (t) => {
  const { store, writer, insert, settle } = setUp(4);
  const key = (index: number) => {
    const { recipient, sender, message } = delivery(index, account("bob"));
    return { recipient, sender, message };
  };
  insert(0);
  await settle();
  store.fault = "away";
  insert(1);
  await settle();
  for (let i = 2; i < 100; i++) writer.removeIfAny(key(i));
  t.equal(writer.pending, 1 + 4);
  writer.remove(key(0));
  t.equal(writer.pending, 1 + 5);
});

t.test("idle is told when all is written, and at once where nothing is", async (t) => {
  const { writer, insert, settle } = setUp(1);
  await writer.whenIdle();
  await writer.whenBatchEnds();
  insert(0);
  insert(1);
  let idle = false;
  void writer.whenIdle().then(() => (idle = true));
  t.notOk(idle);
  await settle();
  t.ok(idle);
  t.equal(writer.pending, 0);
});

t.test("a writer that is closed takes nothing more", async (t) => {
  const { store, writer, insert, settle } = setUp();
  writer.close();
  insert(0);
  await settle();
  t.equal(store.batches.length, 0);
});
