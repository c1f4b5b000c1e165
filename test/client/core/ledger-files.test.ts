/** What a device knows of its archive's entries, in its files. */
import t from "tap";
import { DeviceFiles } from "../../../src/client/core/device-files.js";
import { LedgerFiles } from "../../../src/client/core/ledger-files.js";
import { readId16, type ArchiveId } from "../../../src/protocol/ids.js";
import { MemoryStorage } from "./memory-storage.js";

const ENTRIES = 5_000;

/** 32 bytes that tell one entry or chat from all others. */
function bytesFor(kind: number, number: number): Uint8Array {
  const bytes = new Uint8Array(32).fill(kind);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

function digest(counter: number) {
  return { counter, chat: bytesFor(1, counter % 7), entry: bytesFor(2, counter), hash: bytesFor(3, counter) };
}

async function scene() {
  const files = await DeviceFiles.open(new MemoryStorage());
  const archive = readId16<ArchiveId>(new Uint8Array(16));
  const first = new LedgerFiles(files, archive);
  await first.load();
  for (let counter = 1; counter <= ENTRIES; counter++) first.add(digest(counter));
  const state = { counter: ENTRIES, hash: new Uint8Array(32), seen: { archive: 0, service: 0 } };
  await first.save(state);
  return { files, archive, state, first };
}

t.test("what was written down is known again, over more than one file", async (t) => {
  const { files, archive, state } = await scene();
  t.same(await files.list("ledger-"), ["ledger-000000", "ledger-000001"]);
  const again = new LedgerFiles(files, archive);
  t.same(await again.load(), state);
  for (const counter of [1, 4_096, 4_097, ENTRIES]) {
    const { chat, hash, entry } = digest(counter);
    t.same(again.digestOf(counter), { chat, hash });
    t.equal(again.counterOf(entry), counter);
  }
  t.equal(again.digestOf(0), null);
  t.equal(again.digestOf(ENTRIES + 1), null);
  t.equal(again.counterOf(bytesFor(2, ENTRIES + 1)), null);
  t.same(again.between(4_080, 4_110, bytesFor(1, 0)), [4_109, 4_102, 4_095, 4_088, 4_081]);
  t.same(again.between(4_094, 4_099, null), [4_098, 4_097, 4_096, 4_095]);
  t.same(again.between(0, ENTRIES, bytesFor(1, 7)), [], "a chat without entries");
});

t.test("what is known stays known while the files are read anew", async (t) => {
  const { first, state } = await scene();
  const reading = first.load();
  t.not(first.digestOf(1), null);
  t.same(await reading, state);
  t.not(first.digestOf(1), null);
});

t.test("what was added and not written down is gone after reading anew", async (t) => {
  const { first, state } = await scene();
  first.add(digest(ENTRIES + 1));
  t.equal(first.counterOf(digest(ENTRIES + 1).entry), ENTRIES + 1);
  t.same(await first.load(), state);
  t.equal(first.counterOf(digest(ENTRIES + 1).entry), null);
  t.equal(first.digestOf(ENTRIES + 1), null);
});

t.test("files of another archive, or a missing one, are as good as none", async (t) => {
  const { files, archive, first } = await scene();
  const other = new LedgerFiles(files, readId16<ArchiveId>(new Uint8Array(16).fill(1)));
  t.equal(await other.load(), null);
  t.equal(other.digestOf(1), null);
  await files.remove("ledger-000001");
  const again = new LedgerFiles(files, archive);
  t.equal(await again.load(), null);
  t.equal(again.digestOf(1), null, "nor is half of it known");
  await first.forget();
  t.same(await files.list("ledger"), []);
  t.equal(first.digestOf(1), null);
});
