/** What every archive store promises, whether it is SQL or the simulator's memory. */
import { createHash, randomBytes } from "node:crypto";
import type { Test } from "tap";
import type { ArchiveId } from "../../src/protocol/ids.js";
import {
  ENTRY_OVERHEAD_BYTES,
  type AppendOutcome,
  type ArchiveStore,
  type EntryPage,
  type NewEntry,
} from "../../src/store/archive.js";

export const MANY = 1_000_000;

export function randomArchive(): ArchiveId {
  return randomBytes(16).toString("hex") as ArchiveId;
}

/** 32 bytes that a name stands for, most of them from 0x80. */
export function tag(name: string): Uint8Array {
  return createHash("sha256").update(name).digest();
}

export function entry(name: string, chat = "a chat", sealedBytes = 100): NewEntry {
  return { chat: tag(chat), entry: tag(name), sealed: randomBytes(sealedBytes) };
}

export function entries(count: number, chat?: string, prefix = ""): NewEntry[] {
  return Array.from({ length: count }, (_, index) => entry(`${prefix}${index + 1}`, chat));
}

/** Makes an archive in a store and returns its id. */
export async function made(store: ArchiveStore): Promise<ArchiveId> {
  const id = randomArchive();
  const voucher = { nonceHash: randomBytes(32), expiresAt: 1 };
  const outcome = await store.create({ id, tokenHash: randomBytes(32) }, voucher);
  if (outcome.type !== "created") throw new Error(outcome.type);
  return id;
}

/** Counters of an append's results, those that were there before in brackets. */
function told(outcome: AppendOutcome | undefined): string {
  if (outcome?.type !== "appended") return outcome?.type ?? "nothing";
  return outcome.results.map(({ counter, had }) => (had ? `(${counter})` : `${counter}`)).join(" ");
}

const counters = ({ entries: page, more }: EntryPage) =>
  page.map(({ counter }) => counter).join(" ") + (more ? " …" : "");

/**
 * Holds a store to the contract.
 *
 * @param store empty; each test makes archives of its own in it
 */
export function archiveContract(t: Test, store: ArchiveStore): void {
  t.test("an archive that was made is found with its token's hash, and is empty", async (t) => {
    const id = randomArchive();
    const tokenHash = randomBytes(32);
    const voucher = { nonceHash: randomBytes(32), expiresAt: 1 };
    t.same(await store.create({ id, tokenHash }, voucher), { type: "created" });
    const found = await store.find(id);
    t.same([...(found?.tokenHash ?? [])], [...tokenHash]);
    t.equal(found?.counter, 0);
    t.equal(await store.find(randomArchive()), null);
  });

  t.test("an archive that stands there is left as it is, whoever comes with a voucher", async (t) => {
    const id = randomArchive();
    const tokenHash = randomBytes(32);
    const voucher = { nonceHash: randomBytes(32), expiresAt: 1 };
    await store.create({ id, tokenHash }, voucher);
    await store.append([{ archive: id, entries: entries(2) }], MANY);
    for (const next of [voucher, { nonceHash: randomBytes(32), expiresAt: 1 }]) {
      const outcome = await store.create({ id, tokenHash: randomBytes(32) }, next);
      if (outcome.type !== "exists") throw new Error(outcome.type);
      t.same([...outcome.archive.tokenHash], [...tokenHash]);
      t.equal(outcome.archive.counter, 2);
    }
  });

  t.test("a voucher makes one archive and no second one", async (t) => {
    const voucher = { nonceHash: randomBytes(32), expiresAt: 1 };
    await store.create({ id: randomArchive(), tokenHash: randomBytes(32) }, voucher);
    const second = randomArchive();
    t.same(await store.create({ id: second, tokenHash: randomBytes(32) }, voucher), { type: "voucherUsed" });
    t.equal(await store.find(second), null, "nothing was made");
  });

  t.test("of two who come at once with one voucher, one gets an archive", async (t) => {
    const voucher = { nonceHash: randomBytes(32), expiresAt: 1 };
    const outcomes = await Promise.all(
      [1, 2, 3].map(() => store.create({ id: randomArchive(), tokenHash: randomBytes(32) }, voucher)),
    );
    t.same(outcomes.map(({ type }) => type).sort(), ["created", "voucherUsed", "voucherUsed"]);
  });

  t.test("the same create twice at once makes one archive, and both are told of it", async (t) => {
    const archive = { id: randomArchive(), tokenHash: randomBytes(32) };
    const voucher = { nonceHash: randomBytes(32), expiresAt: 1 };
    const outcomes = await Promise.all([1, 2].map(() => store.create(archive, voucher)));
    t.same(outcomes.map(({ type }) => type).sort(), ["created", "exists"]);
  });

  t.test("vouchers are forgotten once they expired, and no sooner", async (t) => {
    const early = { nonceHash: randomBytes(32), expiresAt: 5_000 };
    const late = { nonceHash: randomBytes(32), expiresAt: 6_000 };
    const create = (voucher: typeof early) =>
      store.create({ id: randomArchive(), tokenHash: randomBytes(32) }, voucher);
    await create(early);
    await create(late);
    await store.forgetVouchers(6_000);
    t.same(await create(late), { type: "voucherUsed" });
    t.same(await create(early), { type: "created" });
  });

  t.test("entries get counters in the order they come, without gaps, each archive its own", async (t) => {
    const [one, other] = [await made(store), await made(store)];
    const outcomes = await store.append(
      [
        { archive: one, entries: [entry("x"), entry("y")] },
        { archive: other, entries: [entry("x")] },
        { archive: one, entries: [entry("z")] },
      ],
      MANY,
    );
    t.same(outcomes.map(told), ["1 2", "1", "3"]);
    t.same((await store.append([{ archive: other, entries: entries(3) }], MANY)).map(told), ["2 3 4"]);
    t.equal((await store.find(one))?.counter, 3);
    t.equal((await store.find(other))?.counter, 4);
  });

  t.test(
    "an entry gives way to the one that it names: stored before, earlier in the call, not at all",
    async (t) => {
      const archive = await made(store);
      const first = { ...entry("judged"), unless: tag("unjudged") };
      const outcomes = await store.append(
        [{ archive, entries: [entry("other"), entry("unjudged"), first] }],
        MANY,
      );
      t.same(outcomes.map(told), ["1 2 (2)"], "behind it in one call");
      t.equal(await store.entry(archive, first.entry), null);
      const second = { ...entry("again"), unless: tag("unjudged") };
      const third = { ...entry("free"), unless: tag("nobody's") };
      t.same((await store.append([{ archive, entries: [second, third, entry("next")] }], MANY)).map(told), [
        "(2) 3 4",
      ]);
      t.same(
        (await store.append([{ archive, entries: [second, third] }], 4)).map(told),
        ["(2) (3)"],
        "nor needs room",
      );
      t.same([...((await store.entry(archive, tag("free")))?.entry ?? [])], [...tag("free")]);
    },
  );

  t.test("a tag that is there is not added again: in one append, in one call, in later calls", async (t) => {
    const archive = await made(store);
    const [a, b, c] = [entry("a"), entry("b"), entry("c")];
    const first = await store.append(
      [
        { archive, entries: [a, b, a] },
        { archive, entries: [b, c] },
      ],
      MANY,
    );
    t.same(first.map(told), ["1 2 (1)", "(2) 3"]);
    const again = { ...b, sealed: randomBytes(30), chat: tag("elsewhere") };
    t.same((await store.append([{ archive, entries: [again, entry("d"), c] }], MANY)).map(told), [
      "(2) 4 (3)",
    ]);
    const kept = await store.entry(archive, b.entry);
    t.same([...(kept?.sealed ?? [])], [...b.sealed], "what was there first stays");
    t.equal((await store.find(archive))?.counter, 4);
  });

  t.test("an append repeated whole changes nothing and is told the same counters", async (t) => {
    const archive = await made(store);
    const append = { archive, entries: entries(3) };
    await store.append([append], MANY);
    t.same((await store.append([append], MANY)).map(told), ["(1) (2) (3)"]);
  });

  t.test(
    "an append that would overfill an archive writes nothing; the others of the call go on",
    async (t) => {
      const [small, other] = [await made(store), await made(store)];
      await store.append([{ archive: small, entries: entries(3) }], 5);
      const outcomes = await store.append(
        [
          { archive: small, entries: [entry("4"), entry("5"), entry("6")] },
          { archive: other, entries: [entry("4")] },
          { archive: small, entries: [entry("4"), entry("5")] },
          { archive: small, entries: [entry("5"), entry("1")] },
          { archive: small, entries: [entry("6")] },
        ],
        5,
      );
      t.same(outcomes.map(told), ["full", "1", "4 5", "(5) (1)", "full"]);
      t.equal(await store.entry(small, tag("6")), null);
      t.equal((await store.find(small))?.counter, 5);
    },
  );

  t.test("an archive that is not there takes nothing; the others of the call go on", async (t) => {
    const [archive, nowhere] = [await made(store), randomArchive()];
    const outcomes = await store.append(
      [
        { archive: nowhere, entries: entries(2) },
        { archive, entries: entries(1) },
      ],
      MANY,
    );
    t.same(outcomes.map(told), ["noSuchArchive", "1"]);
    t.equal(await store.entry(nowhere, tag("1")), null);
    t.same((await store.append([{ archive: nowhere, entries: entries(1) }], MANY)).map(told), [
      "noSuchArchive",
    ]);
  });

  t.test("an entry comes back as it was handed in, by its tag and in its own archive only", async (t) => {
    const [archive, other] = [await made(store), await made(store)];
    const given = entry("given", "its chat", 70_000);
    await store.append([{ archive, entries: [entry("before"), given] }], MANY);
    const found = await store.entry(archive, given.entry);
    t.equal(found?.counter, 2);
    t.same([...(found?.chat ?? [])], [...given.chat]);
    t.same([...(found?.entry ?? [])], [...given.entry]);
    t.ok(found !== null && Buffer.from(found.sealed).equals(given.sealed));
    t.equal(await store.entry(archive, tag("another")), null);
    t.equal(await store.entry(other, given.entry), null);
  });

  t.test("more entries in one call than fit in one statement", async (t) => {
    const archive = await made(store);
    const append = { archive, entries: entries(520) };
    const [outcome] = await store.append([append], MANY);
    t.equal(told(outcome), Array.from({ length: 520 }, (_, index) => index + 1).join(" "));
    const page = await store.page({ archive, direction: "after", from: 518, limit: 10, maxBytes: MANY });
    t.equal(counters(page), "519 520");
    t.same([...(page.entries[1]?.entry ?? [])], [...tag("520")]);
  });

  t.test("a blanked entry keeps its place, tag and hash, and is on no page", async (t) => {
    const [archive, other] = [await made(store), await made(store)];
    const chats = ["red", "blue", "red", "red", "blue", "red"];
    const all = chats.map((chat, index) => entry(`${index + 1}`, chat));
    await store.append(
      [
        { archive, entries: all },
        { archive: other, entries: all },
      ],
      MANY,
    );
    const hashes = async () =>
      (await store.digests(archive, 0, 9)).digests.map(({ hash }) => Buffer.from(hash).toString("hex"));
    const before = await hashes();
    const blank = (from: number, to: number) => store.blank({ archive, chat: tag("red"), from, to });
    t.equal(await blank(1, 3), 2, "of that chat only");
    t.equal(await blank(1, 3), 0, "once");
    const page = await store.page({ archive, direction: "before", limit: 9, maxBytes: MANY });
    t.equal(counters(page), "6 5 4 2");
    t.same(await hashes(), before);
    t.equal(await store.entry(archive, tag("3")), null);
    const again = await store.append([{ archive, entries: [entry("3", "red"), entry("7", "red")] }], MANY);
    t.equal(told(again[0]), "(3) 7", "it does not come back");
    t.equal(await store.blank({ archive: randomArchive(), chat: tag("red"), from: 1, to: 9 }), 0);
    t.equal(await blank(7, 7), 1);
    const { chats: listed, latest } = await store.chats({ archive, limit: 9, maxBytes: MANY });
    t.same(
      [listed.map(({ newest }) => newest), latest.map(({ counter }) => counter)],
      [[7, 5], [5]],
      "a chat whose newest entry was blanked is listed without it",
    );
    const untouched = await store.page({ archive: other, direction: "after", limit: 9, maxBytes: MANY });
    t.equal(counters(untouched), "1 2 3 4 5 6");
  });

  pages(t, store);
}

function pages(t: Test, store: ArchiveStore): void {
  t.test("pages backwards and forward, at every boundary", async (t) => {
    const archive = await made(store);
    const read = async (direction: "before" | "after", from: number | undefined, limit: number) =>
      counters(await store.page({ archive, direction, from, limit, maxBytes: MANY }));

    t.equal(await read("before", undefined, 10), "", "an empty archive");
    t.equal(await read("after", 0, 10), "");
    await store.append([{ archive, entries: entries(5) }], MANY);

    t.equal(await read("before", undefined, 2), "5 4 …");
    t.equal(await read("before", undefined, 4), "5 4 3 2 …");
    t.equal(await read("before", undefined, 5), "5 4 3 2 1", "exactly all");
    t.equal(await read("before", undefined, 6), "5 4 3 2 1");
    t.equal(await read("before", 4, 2), "3 2 …");
    t.equal(await read("before", 3, 2), "2 1");
    t.equal(await read("before", 1, 2), "");
    t.equal(await read("before", 0, 2), "");
    t.equal(await read("before", 1000, 1), "5 …");
    t.equal(await read("before", Number.MAX_SAFE_INTEGER, 1), "5 …");

    t.equal(await read("after", 0, 2), "1 2 …");
    t.equal(await read("after", undefined, 2), "1 2 …");
    t.equal(await read("after", 3, 2), "4 5");
    t.equal(await read("after", 3, 1), "4 …");
    t.equal(await read("after", 4, 1), "5");
    t.equal(await read("after", 5, 1), "");
    t.equal(await read("after", Number.MAX_SAFE_INTEGER, 1), "");
  });

  t.test("pages of one chat hold nothing of the others", async (t) => {
    const [archive, other] = [await made(store), await made(store)];
    const chats = ["red", "blue", "red", "red", "blue", "red"];
    const all = chats.map((chat, index) => entry(`${index}`, chat));
    await store.append(
      [
        { archive, entries: all },
        { archive: other, entries: all },
      ],
      MANY,
    );
    const read = async (
      direction: "before" | "after",
      from: number | undefined,
      limit: number,
      chat: string,
    ) => counters(await store.page({ archive, chat: tag(chat), direction, from, limit, maxBytes: MANY }));
    t.equal(await read("before", undefined, 3, "red"), "6 4 3 …");
    t.equal(await read("before", 3, 3, "red"), "1");
    t.equal(await read("before", undefined, 9, "blue"), "5 2");
    t.equal(await read("after", 1, 2, "red"), "3 4 …");
    t.equal(await read("after", 4, 2, "red"), "6");
    t.equal(await read("after", 0, 2, "blue"), "2 5");
    t.equal(await read("before", undefined, 9, "green"), "");
    const page = await store.page({
      archive,
      chat: tag("blue"),
      direction: "after",
      limit: 1,
      maxBytes: MANY,
    });
    t.same([...(page.entries[0]?.chat ?? [])], [...tag("blue")]);
  });

  t.test("a page weighs no more than it may, but has one entry in any case", async (t) => {
    const archive = await made(store);
    const one = 1000 + ENTRY_OVERHEAD_BYTES;
    await store.append(
      [{ archive, entries: ["a", "b", "c", "d"].map((name) => entry(name, "chat", 1000)) }],
      MANY,
    );
    const read = async (maxBytes: number, direction: "before" | "after" = "before") =>
      counters(await store.page({ archive, direction, limit: 10, maxBytes }));
    t.equal(await read(1), "4 …");
    t.equal(await read(one), "4 …");
    t.equal(await read(2 * one - 1), "4 …");
    t.equal(await read(2 * one), "4 3 …");
    t.equal(await read(3 * one, "after"), "1 2 3 …");
    t.equal(await read(4 * one, "after"), "1 2 3 4");
  });

  t.test("an unknown archive has no pages", async (t) => {
    const page = await store.page({
      archive: randomArchive(),
      direction: "before",
      limit: 1,
      maxBytes: MANY,
    });
    t.same(page, { entries: [], more: false });
  });
}
