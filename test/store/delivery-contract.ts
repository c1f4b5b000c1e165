/** What every delivery store promises, whether it is SQL or the simulator's memory (PROTOCOL.md, "Writes"). */
import { createHash, randomBytes } from "node:crypto";
import type { Test } from "tap";
import type { AccountId, ConversationId, MessageId } from "../../src/protocol/ids.js";
import { StoreError } from "../../src/store/database.js";
import type {
  Body,
  BodyId,
  Delivery,
  DeliveryKey,
  DeliveryStore,
  StoredDelivery,
  WriteBatch,
} from "../../src/store/deliveries.js";
import { randomAccount } from "./account-rows.js";

/** A store, and the accounts that its rows refer to. */
export interface StoreUnderTest {
  /** Without a body or a delivery. */
  readonly store: DeliveryStore;
  /** Makes accounts. */
  readonly accounts: (count: number) => Promise<AccountId[]>;
  /** Deletes an account with all that waits for it. */
  readonly deleteAccount: (account: AccountId) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What not every implementation is asked for. */
export interface ContractOptions {
  /** Whether a refused batch leaves nothing behind. */
  readonly transactional: boolean;
  /** Whether the store knows when an account is deleted. */
  readonly deletesAccounts: boolean;
  /** Recipients of one body, for those that would take long over a thousand. */
  readonly crowd?: number;
}

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, value) => value);
const MOST_EPOCH = 0xffffffff;

/** 16 bytes that a name stands for. */
export function messageId(name: string): MessageId {
  return createHash("sha256").update(name).digest("hex").slice(0, 32) as MessageId;
}

export function newBody(text: string | Uint8Array = "a body"): Body {
  return { id: randomBytes(16).toString("hex") as BodyId, content: Buffer.from(text) };
}

/** @param name of the message, which its id and its wrapped key are made of */
export function delivery(recipient: AccountId, sender: AccountId, name: string, body: Body): Delivery {
  return {
    recipient,
    sender,
    message: messageId(name),
    conversation: createHash("sha256").update(`${recipient}${sender}`).digest("hex") as ConversationId,
    epoch: 0,
    key: Buffer.from(name),
    body: body.id,
  };
}

/** A batch of messages of one sender, each with a body of its own that says its name. */
export function batchOf(recipient: AccountId, sender: AccountId, names: readonly string[]): WriteBatch {
  const bodies = names.map((name) => newBody(`body of ${name}`));
  const deliveries = bodies.map((body, i) => delivery(recipient, sender, names[i] ?? "", body));
  return { bodies, deliveries, removals: [] };
}

export function removalOf(deliveries: readonly DeliveryKey[]): WriteBatch {
  return { bodies: [], deliveries: [], removals: deliveries };
}

/** Names of the messages in a page, in its order. */
export function namesIn(page: readonly StoredDelivery[]): string[] {
  return page.map(({ key }) => Buffer.from(key).toString());
}

/** What a promise failed with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  );
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

/** Holds stores to the contract; each test gets one of its own. */
export function deliveryStoreContract(
  t: Test,
  makeStore: () => Promise<StoreUnderTest>,
  { transactional, deletesAccounts, crowd = 1000 }: ContractOptions,
): void {
  const story = (
    name: string,
    run: (t: Test, made: StoreUnderTest, anna: AccountId, ben: AccountId) => Promise<void>,
    skip: string | false = false,
  ): void => {
    t.test(name, { skip }, async (t) => {
      const made = await makeStore();
      t.teardown(() => made.close());
      const [anna, ben] = await made.accounts(2);
      if (anna === undefined || ben === undefined) throw new Error("two accounts were asked for");
      await run(t, made, anna, ben);
    });
  };

  story("what was written is read whole", async (t, { store }, anna, ben) => {
    const body = newBody(ALL_BYTES);
    const written: Delivery = {
      ...delivery(anna, ben, "1", body),
      conversation: Buffer.from(ALL_BYTES.subarray(200, 232)).toString("hex") as ConversationId,
      epoch: MOST_EPOCH,
      key: ALL_BYTES.toReversed(),
    };
    await store.write({ bodies: [body], deliveries: [written], removals: [] });
    const [read, ...more] = await store.read(anna, 0, 10, Infinity);
    t.same(more, []);
    t.equal(read?.recipient, anna);
    t.equal(read?.sender, ben);
    t.equal(read?.message, written.message);
    t.equal(read?.conversation, written.conversation);
    t.equal(read?.epoch, MOST_EPOCH);
    t.same([...(read?.key ?? [])], [...written.key]);
    t.same([...(read?.content ?? [])], [...ALL_BYTES]);
    t.ok(Number.isSafeInteger(read?.position));
  });

  story(
    "messages are read in the order of writing, within a batch and over batches",
    async (t, made, anna, ben) => {
      const { store } = made;
      await store.write(batchOf(anna, ben, ["z", "a", "m"]));
      await store.write(batchOf(ben, anna, ["not hers"]));
      await store.write(batchOf(anna, anna, ["b", "y"]));
      t.same(namesIn(await store.read(anna, 0, 10, Infinity)), ["z", "a", "m", "b", "y"]);
    },
  );

  story("one batch to several recipients is in order for each", async (t, { store }, anna, ben) => {
    const body = newBody();
    const deliveries = numbers(1, 20).flatMap((name) => [
      delivery(ben, anna, name, body),
      delivery(anna, ben, name, body),
    ]);
    await store.write({ bodies: [body], deliveries, removals: [] });
    t.same(namesIn(await store.read(anna, 0, 100, Infinity)), numbers(1, 20));
    t.same(namesIn(await store.read(ben, 0, 100, Infinity)), numbers(1, 20));
  });

  story("a batch larger than any one statement keeps its order", async (t, { store }, anna, ben) => {
    const body = newBody();
    const names = numbers(1, 520);
    const deliveries = names.map((name) => delivery(anna, ben, name, body));
    await store.write({ bodies: [body], deliveries, removals: [] });
    t.same(namesIn(await store.read(anna, 0, 1000, Infinity)), names);
  });

  story("pages follow each other without gap or overlap", async (t, { store }, anna, ben) => {
    await store.write(batchOf(anna, ben, numbers(1, 5)));
    const pages: string[][] = [];
    let position = 0;
    for (;;) {
      const page = await store.read(anna, position, 2, Infinity);
      pages.push(namesIn(page));
      if (page.length === 0) break;
      position = page.at(-1)?.position ?? Number.NaN;
    }
    t.same(pages, [["1", "2"], ["3", "4"], ["5"], []]);
    t.same(namesIn(await store.read(anna, 0, 5, Infinity)), numbers(1, 5));
    t.same(namesIn(await store.read(anna, 0, 1, Infinity)), ["1"]);
    t.same(await store.read(ben, 0, 5, Infinity), []);
    t.same(await store.read(randomAccount(), 0, 5, Infinity), []);
  });

  story("a page has what fits into its bytes, and one message at least", async (t, { store }, anna, ben) => {
    const sizes: [name: string, bytes: number][] = [
      ["1", 100],
      ["2", 100_000],
      ["3", 8192],
      ["4", 8193],
      ["5", 200_000],
      ["6", 100],
    ];
    for (const [name, bytes] of sizes) {
      const body = newBody(new Uint8Array(bytes).fill(Number(name)));
      await store.write({
        bodies: [body],
        deliveries: [delivery(anna, ben, name, body)],
        removals: [],
      });
    }
    const pages: string[][] = [];
    for (let position = 0; ;) {
      const page = await store.read(anna, position, 100, 116_489);
      if (page.length === 0) break;
      for (const { content } of page) t.equal(content.length, sizes[(content[0] ?? 0) - 1]?.[1]);
      pages.push(namesIn(page));
      position = page.at(-1)?.position ?? Number.NaN;
    }
    t.same(pages, [["1", "2", "3", "4"], ["5"], ["6"]]);
    t.same(namesIn(await store.read(anna, 0, 100, 116_488)), ["1", "2", "3"]);
    t.same(namesIn(await store.read(anna, 0, 2, Infinity)), ["1", "2"]);
  });

  story(
    "a message that comes twice in a batch stands once, as it came first",
    async (t, { store }, anna, ben) => {
      const [first, second] = [newBody("first"), newBody("second")];
      const deliveries = [delivery(anna, ben, "1", first), delivery(anna, ben, "1", second)];
      await store.write({ bodies: [first, second], deliveries, removals: [] });
      const page = await store.read(anna, 0, 10, Infinity);
      t.same(
        page.map(({ content }) => Buffer.from(content).toString()),
        ["first"],
      );
    },
  );

  story("a batch written twice stands once, in its place", async (t, { store }, anna, ben) => {
    const batch = batchOf(anna, ben, ["1", "2"]);
    t.same(await store.write(batch), { repeated: false });
    t.same(await store.write(batchOf(anna, ben, ["3"])), { repeated: false });
    t.same(await store.write(batch), { repeated: true });
    const more = batchOf(anna, ben, ["2", "4"]);
    t.same(await store.write(more), { repeated: true });
    await store.write(removalOf(more.deliveries.slice(1)));
    t.same(namesIn(await store.read(anna, 0, 10, Infinity)), ["1", "2", "3"]);
    t.equal(await store.sweep(10), 2, "the bodies that the second batch brought in vain");
  });

  story(
    "the same message of two senders, or to two recipients, is two messages",
    async (t, made, anna, ben) => {
      const { store } = made;
      await store.write(batchOf(anna, ben, ["1"]));
      await store.write(batchOf(anna, anna, ["1"]));
      await store.write(batchOf(ben, ben, ["1"]));
      t.same(await store.pending([anna, ben]), new Map([[anna, 2], [ben, 1]])); // prettier-ignore
    },
  );

  story(
    "a batch repeated after its message was taken and its body swept is written anew",
    async (t, made, anna, ben) => {
      const { store } = made;
      const batch = batchOf(anna, ben, ["1"]);
      await store.write(batch);
      await store.write(removalOf(batch.deliveries));
      t.equal(await store.sweep(10), 1);
      await store.write(batch);
      t.same(namesIn(await store.read(anna, 0, 10, Infinity)), ["1"]);
    },
  );

  story("a batch repeated before the sweep uses the body that is still there", async (t, made, anna, ben) => {
    const { store } = made;
    const batch = batchOf(anna, ben, ["1"]);
    await store.write(batch);
    await store.write(removalOf(batch.deliveries));
    await store.write(batch);
    t.equal(await store.sweep(10), 0);
    t.same(namesIn(await store.read(anna, 0, 10, Infinity)), ["1"]);
  });

  story("an empty batch is written", async (t, { store }, anna) => {
    await store.write({ bodies: [], deliveries: [], removals: [] });
    t.same(await store.read(anna, 0, 10, Infinity), []);
  });

  story("a batch to somebody without an account is rejected", async (t, { store }, _anna, ben) => {
    const error = await failureOf(store.write(batchOf(randomAccount(), ben, ["1"])));
    t.ok(error instanceof StoreError);
    t.equal(error instanceof StoreError && error.kind, "rejected");
  });

  story(
    "nothing of a rejected batch is written",
    async (t, { store }, anna, ben) => {
      const before = batchOf(anna, ben, ["before"]);
      await store.write(before);
      const good = batchOf(anna, ben, ["1"]);
      const bad = batchOf(randomAccount(), ben, ["2"]);
      const both: WriteBatch = {
        bodies: [...good.bodies, ...bad.bodies],
        deliveries: [...good.deliveries, ...bad.deliveries],
        removals: before.deliveries,
      };
      t.match(await failureOf(store.write(both)), { kind: "rejected" });
      t.same(namesIn(await store.read(anna, 0, 10, Infinity)), ["before"]);
      t.equal(await store.sweep(10), 0, "its bodies are not there either");
      await store.write(good);
      t.same(
        namesIn(await store.read(anna, 0, 10, Infinity)),
        ["before", "1"],
        "and the next batch is written",
      );
    },
    transactional ? false : "this store does not undo what a failed transaction did",
  );

  story("removing takes exactly what it names", async (t, { store }, anna, ben) => {
    const hers = batchOf(anna, ben, ["1", "2", "3"]);
    await store.write(hers);
    await store.write(batchOf(ben, ben, ["2"]));
    await store.write(removalOf(hers.deliveries.slice(1, 2)));
    t.same(namesIn(await store.read(anna, 0, 10, Infinity)), ["1", "3"]);
    t.same(namesIn(await store.read(ben, 0, 10, Infinity)), ["2"]);
  });

  story("removing what is not there changes nothing", async (t, { store }, anna, ben) => {
    await store.write(batchOf(anna, ben, ["1"]));
    await store.write(removalOf(batchOf(anna, ben, ["2"]).deliveries));
    await store.write(removalOf([{ recipient: randomAccount(), sender: ben, message: messageId("1") }]));
    t.same(namesIn(await store.read(anna, 0, 10, Infinity)), ["1"]);
  });

  story("what a batch both brings and removes is gone after it", async (t, { store }, anna, ben) => {
    const batch = batchOf(anna, ben, ["1", "2"]);
    await store.write({ ...batch, removals: batch.deliveries.slice(0, 1) });
    t.same(namesIn(await store.read(anna, 0, 10, Infinity)), ["2"]);
    t.equal(await store.sweep(10), 1);
  });

  story("as many removals as a batch may have are done at once", async (t, { store }, anna, ben) => {
    const body = newBody();
    const deliveries = numbers(1, 100).map((name) => delivery(anna, ben, name, body));
    await store.write({ bodies: [body], deliveries, removals: [] });
    await store.write(removalOf(deliveries.slice(1)));
    t.same(namesIn(await store.read(anna, 0, 10, Infinity)), ["1"]);
  });

  story("pending counts what waits, and leaves out who has no account", async (t, { store }, anna, ben) => {
    await store.write(batchOf(anna, ben, ["1", "2", "3"]));
    t.equal((await store.pending([])).size, 0);
    const counts = await store.pending([anna, ben, randomAccount()]);
    t.equal(counts.size, 2);
    t.equal(counts.get(anna), 3);
    t.equal(counts.get(ben), 0);
  });

  story("one body serves a crowd, and is swept after the last", async (t, made, _anna, ben) => {
    const { store } = made;
    const recipients = await made.accounts(crowd);
    const body = newBody("to all");
    const deliveries = recipients.map((recipient) => delivery(recipient, ben, "1", body));
    await store.write({ bodies: [body], deliveries, removals: [] });
    const last = recipients.at(-1) ?? ben;
    t.equal((await store.pending(recipients)).size, crowd);
    await store.write(removalOf(deliveries.slice(0, -1)));
    t.equal(await store.sweep(10), 0);
    t.equal(Buffer.from((await store.read(last, 0, 1, Infinity))[0]?.content ?? []).toString(), "to all");
    await store.write(removalOf(deliveries.slice(-1)));
    t.equal(await store.sweep(10), 1);
  });

  story(
    "a sweep takes bodies that nobody needs, up to its limit, and no other",
    async (t, made, anna, ben) => {
      const { store } = made;
      const batch = batchOf(anna, ben, numbers(1, 10));
      await store.write(batch);
      await store.write(removalOf(batch.deliveries.filter((_, i) => i % 2 === 0)));
      const counts = [await store.sweep(2), await store.sweep(2), await store.sweep(2), await store.sweep(2)];
      t.same(counts, [2, 2, 1, 0]);
      const page = await store.read(anna, 0, 10, Infinity);
      t.same(
        page.map(({ content }) => Buffer.from(content).toString()),
        ["2", "4", "6", "8", "10"].map((name) => `body of ${name}`),
      );
    },
  );

  story("a sweep finds what became free behind it", async (t, { store }, anna, ben) => {
    const batch = batchOf(anna, ben, numbers(1, 4));
    const [lowest, ...others] = batch.deliveries.toSorted((a, b) => (a.body < b.body ? -1 : 1));
    if (lowest === undefined) throw new Error("four deliveries were made");
    await store.write(batch);
    await store.write(removalOf(others));
    t.equal(await store.sweep(2), 2);
    await store.write(removalOf([lowest]));
    t.equal((await store.sweep(2)) + (await store.sweep(2)), 2);
    t.equal(await store.sweep(2), 0);
  });

  story(
    "what waits for an account goes with it",
    async (t, { store, deleteAccount }, anna, ben) => {
      await store.write(batchOf(anna, ben, ["1", "2"]));
      await store.write(batchOf(ben, anna, ["3"]));
      await deleteAccount(anna);
      t.same(await store.read(anna, 0, 10, Infinity), []);
      t.equal((await store.pending([anna])).size, 0);
      t.equal(await store.sweep(10), 2);
      t.same(namesIn(await store.read(ben, 0, 10, Infinity)), ["3"], "what the account had sent stays");
    },
    deletesAccounts ? false : "accounts are not this store's affair",
  );
}
