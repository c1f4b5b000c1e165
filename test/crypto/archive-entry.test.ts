import { inspect } from "node:util";
import t from "tap";
import { pack } from "../../src/protocol/codec.js";
import {
  bodyHash,
  openEntry,
  sealEntry,
  type ArchiveEntry,
  type EntryContent,
  type EntryPlace,
} from "../../src/crypto/archive-entry.js";
import { readEnvelopeHeader } from "../../src/crypto/envelope-header.js";
import { pad } from "../../src/crypto/padding.js";
import { seal } from "../../src/crypto/sealed.js";
import { utf8 } from "../../src/protocol/bytes.js";
import type { ArchiveId } from "../../src/protocol/ids.js";
import { encodePayload } from "../../src/protocol/payload.js";
import { bytesOf, flipped, independent } from "./vectors.js";

const refused = { code: "undecryptable", message: "This is damaged, forged, or meant for somebody else." };
const key = new Uint8Array(32).fill(6);
const place: EntryPlace = {
  archive: "aa".repeat(16) as ArchiveId,
  chat: new Uint8Array(32).fill(1),
  entry: new Uint8Array(32).fill(2),
};
const envelope = bytesOf(independent.envelope.envelope);
const header = readEnvelopeHeader(envelope);
if (header === null) throw new Error("the vector has no header");
const { message, conversation } = header;
const frame = { epoch: 0, message, account: header.sender, conversation };

const RECEIVED = {
  type: "received",
  header,
  payload: { type: "text", text: "hello" },
  receivedAt: 5,
} as const;
const entries: readonly Exclude<ArchiveEntry, { type: "unknown" }>[] = [
  RECEIVED,
  {
    type: "sent",
    header,
    payload: { type: "reply", to: { sender: independent.bob.account, message }, text: "yes" },
    recipients: [independent.bob.account],
  },
  { type: "invalid", frame, receivedAt: 5 },
  { type: "unjudged", frame, wrappedKey: new Uint8Array(256).fill(3), envelope, receivedAt: 5 },
  { type: "pin", card: independent.bob.card, pinnedAt: 5 },
  {
    type: "imported",
    direction: "received",
    message,
    peer: independent.bob.account,
    from: "bob",
    to: "alice",
    text: "from a file",
    sentAt: 4,
    importedAt: 5,
  },
  { type: "deletion", chat: new Uint8Array(32).fill(7), from: 3, to: 9, deletedAt: 5 },
];

function contentOf(entry: Exclude<ArchiveEntry, { type: "unknown" }>): EntryContent {
  return "payload" in entry ? { ...entry, payload: encodePayload(entry.payload) } : entry;
}

for (const entry of entries) {
  t.test(`an entry "${entry.type}" comes back whole, and prints as [redacted]`, async (t) => {
    const opened = await openEntry(key, place, await sealEntry(key, place, contentOf(entry)));
    t.same(opened, entry);
    t.equal(inspect(opened), "[redacted]");
  });
}

t.test("an entry opens in no other archive, chat or place, and under no other key", async (t) => {
  const sealed = await sealEntry(key, place, contentOf(RECEIVED));
  await t.rejects(openEntry(flipped(key, 0), place, sealed), refused);
  const others: Partial<EntryPlace>[] = [
    { archive: "ab".repeat(16) as ArchiveId },
    { chat: place.entry },
    { entry: place.chat },
    { chat: place.entry, entry: place.chat },
  ];
  for (const other of others) await t.rejects(openEntry(key, { ...place, ...other }, sealed), refused);
  for (let at = 0; at < sealed.length; at += 13) {
    await t.rejects(openEntry(key, place, flipped(sealed, at)), refused, `byte ${at}`);
  }
});

t.test("entries of short messages are of one length", async (t) => {
  const lengths = new Set<number>();
  for (const text of ["a", "a somewhat longer answer"]) {
    const sealed = await sealEntry(key, place, {
      type: "received",
      header,
      payload: encodePayload({ type: "text", text }),
      receivedAt: 1,
    });
    lengths.add(sealed.length);
  }
  t.equal(lengths.size, 1);
});

t.test("a payload that this release does not know is kept as it came", async (t) => {
  const raw = pack({ type: "hologram", light: 3 });
  const payload = { type: "unknown", name: "hologram", raw: new Uint8Array(raw) } as const;
  const entry = { type: "received", header, payload, receivedAt: 1 } as const;
  t.same(await openEntry(key, place, await sealEntry(key, place, contentOf(entry))), entry);
});

/** Seals anything in an entry's place, as only a holder of the archive key can. */
async function sealed(content: Uint8Array): Promise<Uint8Array> {
  const { archive, chat, entry } = place;
  return seal(
    key,
    { format: 1, purpose: "archive-entry", owner: archive, generation: 0, extra: [chat, entry] },
    content,
  );
}

t.test("an entry of a later release says so; one that is no entry is refused", async (t) => {
  const later = await sealed(pad(pack({ type: "poll", votes: 3 })));
  t.same(await openEntry(key, place, later), { type: "unknown", name: "poll" });
  const wrong = [
    utf8("not padded"),
    pad(utf8("not packed")),
    pad(pack(null)),
    pad(pack({ type: "received" })),
    pad(pack({ type: "received", header: new Uint8Array(161), payload: Uint8Array.of(1), receivedAt: 1 })),
    pad(pack({ type: 5 })),
  ];
  for (const content of wrong) await t.rejects(openEntry(key, place, await sealed(content)), refused);
});

t.test("a body's hash covers wrapped key and envelope, and tells them apart", async (t) => {
  const hash = await bodyHash(utf8("ab"), utf8("c"));
  t.notSame(await bodyHash(utf8("a"), utf8("bc")), hash);
  t.same(await bodyHash(utf8("ab"), utf8("c")), hash);
});
