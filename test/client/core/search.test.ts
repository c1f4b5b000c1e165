/** Searching the history by an index that lies on the device. */
import t from "tap";
import type { Client } from "../../../src/client/core/client.js";
import { SEGMENT_ENTRIES } from "../../../src/client/core/search-files.js";
import { inTime, listenTo, resume, signedIn, twoPeople } from "./device.js";
import { Service } from "./service.js";

const TEXTS = [
  "The train leaves on Friday",
  "Which train?",
  "the one to Zürich, at 17:05",
  "ZURICH it is",
  "on friday then",
];

async function talk(texts: readonly string[] = TEXTS) {
  const service = new Service();
  const { alice: person, onAlices } = await twoPeople(service);
  const alice = await resume(onAlices);
  for (const text of texts) await inTime(service, alice.send("bob", text));
  const archive = service.archive.archives.get(person.contents.archive.id);
  if (archive === undefined) throw new Error("there is no archive");
  // One more than the messages: the pin of bob's card.
  await inTime(service, () => archive.entries.length === texts.length + 1);
  const find = async (words: string, client: Client = alice, options = {}): Promise<string[]> =>
    ((await inTime(service, client.search(words, options))) ?? []).map(({ text }) => text);
  return { service, person, alice, onAlices, archive, find };
}

t.test("messages are found by all their words, whatever their capitals and accents", async (t) => {
  const { service, alice, find } = await talk();
  t.same(await find("train"), [TEXTS[0], TEXTS[1]]);
  t.same(await find("friday train"), [TEXTS[0]]);
  t.same(await find("zurich"), [TEXTS[2], TEXTS[3]]);
  t.same(await find("Zür"), [TEXTS[2], TEXTS[3]], "by their beginnings");
  t.same(await find("rain"), []);
  t.same(await find("on", alice, { limit: 2 }), [TEXTS[2], TEXTS[4]], "the newest, oldest first");
  for (const words of ["", "  ", "?!"]) await t.rejects(alice.search(words), { code: "badRequest" });
  await inTime(service, alice.close());
});

t.test("the index is kept, sealed, and takes what is new", async (t) => {
  const { service, alice, onAlices, archive, find } = await talk();
  await find("train");
  const reads = service.archive.reads.length;
  await find("train");
  t.same(
    service.archive.reads.slice(reads).filter(({ type }) => type === "after"),
    [{ type: "after", after: TEXTS.length + 1 }],
    "nothing is read twice to be indexed",
  );
  const files = [...onAlices.storage.files].filter(([name]) => name.startsWith("search-"));
  t.equal(files.length, 1);
  t.notOk(
    files.some(([, bytes]) => Buffer.from(bytes).includes("train")),
    "no word of it can be read",
  );
  await inTime(service, alice.send("bob", "the night train"));
  await inTime(service, () => archive.entries.length === TEXTS.length + 2);
  t.same(await find("train"), [TEXTS[0], TEXTS[1], "the night train"]);
  await inTime(service, alice.close());

  const again = onAlices.restart();
  for (const [name, bytes] of again.storage.files) {
    if (name.startsWith("search-")) again.storage.files.set(name, bytes.slice(1));
  }
  const later = await resume(again);
  t.same(await find("night", later), ["the night train"], "what is damaged is made again");
  await inTime(service, later.close());
});

t.test("another device finds the same, with an index of its own", async (t) => {
  const { service, person, alice, find } = await talk();
  const other = await resume(await signedIn(service, person, "alice"));
  t.same(await find("friday", other), [TEXTS[0], TEXTS[4]]);
  await inTime(service, alice.close());
  await inTime(service, other.close());
});

t.test("what is not genuine is not found", async (t) => {
  const { service, alice, archive, find } = await talk();
  t.equal((await find("train")).length, 2);
  const second = archive.entries[2];
  if (second !== undefined) second.sealed = second.sealed.map((byte) => byte ^ 1);
  t.same(await find("train"), [TEXTS[0]]);
  await inTime(service, alice.close());
});

t.test("a history of several files", async (t) => {
  const { service, person, alice, archive, find } = await talk();
  // Entries that are none of hers fill the places: only their counters matter here.
  const filler = archive.entries[1];
  if (filler === undefined) throw new Error("there are no entries");
  for (let counter = archive.entries.length + 1; counter <= SEGMENT_ENTRIES + 2; counter++) {
    archive.entries.push({ ...filler, counter, entry: new Uint8Array(32).fill(counter % 251) });
  }
  const expected = SEGMENT_ENTRIES + 3;
  await inTime(service, alice.send("bob", "the last train"));
  await inTime(service, () => archive.entries.length === expected);
  const counters: number[] = [];
  const onProgress = (counter: number): void => void counters.push(counter);
  t.same(await find("train", alice, { onProgress }), [TEXTS[0], TEXTS[1], "the last train"]);
  t.equal(counters.at(-1), expected);
  t.same(
    counters,
    [...counters].sort((one, other) => one - other),
  );
  t.same(await find("train", alice, { limit: 1 }), ["the last train"]);
  const other = await resume(await signedIn(service, person, "alice"));
  t.same(await find("train", other), [TEXTS[0], TEXTS[1], "the last train"]);
  await inTime(service, alice.close());
  await inTime(service, other.close());
});

t.test("a damaged file in the middle of the index is made again", async (t) => {
  const { service, alice, onAlices, archive, find } = await talk();
  const filler = archive.entries[1];
  if (filler === undefined) throw new Error("there are no entries");
  for (let counter = archive.entries.length + 1; counter <= SEGMENT_ENTRIES + 2; counter++) {
    archive.entries.push({ ...filler, counter, entry: new Uint8Array(32).fill(counter % 251) });
  }
  await inTime(service, alice.send("bob", "the last train"));
  await inTime(service, () => archive.entries.length === SEGMENT_ENTRIES + 3);
  const all = [TEXTS[0], TEXTS[1], "the last train"];
  t.same(await find("train"), all);
  await inTime(service, alice.close());
  const again = onAlices.restart();
  const [first] = [...again.storage.files.keys()].filter((name) => name.startsWith("search-")).sort();
  if (first === undefined) throw new Error("there is no index");
  again.storage.files.set(first, new Uint8Array(9));
  const later = await resume(again);
  t.same(await find("train", later), all);
  const reads = service.archive.reads.filter(({ type }) => type === "after").length;
  t.same(await find("train", later), all);
  t.equal(
    service.archive.reads.filter(({ type }) => type === "after").length,
    reads + 1,
    "once: it stands there whole",
  );
  await inTime(service, later.close());
});

t.test("a message that could not be judged when it was indexed is found once it can be", async (t) => {
  const service = new Service();
  const { bob: person, onAlices, onBobs } = await twoPeople(service);
  const [alice, bob] = [await resume(onAlices), await resume(onBobs)];
  await inTime(service, alice.send("bob", "the train leaves"));
  const { listening } = await listenTo(bob);
  const archive = () => service.archive.entriesOf(person.contents.archive.id);
  const [card] = [...service.accounts].filter(([name]) => name === "alice");
  if (card === undefined) throw new Error("there is no alice");
  service.accounts.delete(card[0]);
  await inTime(service, () => archive().length > 0);
  await inTime(service, listening.stop());
  const find = async () => ((await inTime(service, bob.search("train"))) ?? []).map(({ text }) => text);
  t.same(await find(), []);
  service.accounts.set(...card);
  t.same(await find(), ["the train leaves"]);
  t.same(await find(), ["the train leaves"]);
  await inTime(service, alice.close());
  await inTime(service, bob.close());
});
