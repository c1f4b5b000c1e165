/** PROTOCOL.md, "Checkpoints". */
import { createHash, randomBytes } from "node:crypto";
import t from "tap";
import {
  chainNext,
  chainStart,
  entryHash,
  openCheckpoint,
  sealCheckpoint,
  type CheckpointPlace,
} from "../../src/crypto/archive-chain.js";
import type { AccountId, ArchiveId } from "../../src/protocol/ids.js";
import { flipped } from "./vectors.js";

const archive = "0a".repeat(16) as ArchiveId;
const LABEL = "fastchat archive chain v1\0";
const sha256 = (...parts: readonly (string | Uint8Array)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const digest = { chat: randomBytes(32), entry: randomBytes(32), hash: randomBytes(32) };

t.test("the running hash is what its description says", async (t) => {
  const start = await chainStart(archive);
  t.same([start.counter, Buffer.from(start.hash)], [0, sha256(LABEL, archive)]);
  const first = await chainNext(start, digest);
  t.same(
    [first.counter, Buffer.from(first.hash)],
    [1, sha256(LABEL, start.hash, digest.chat, digest.entry, digest.hash)],
  );
  const { chat, entry } = digest;
  const sealed = randomBytes(50);
  t.same(Buffer.from(await entryHash(chat, entry, sealed)), sha256(chat, entry, sealed));
});

t.test("every entry, its chat and its place make another hash", async (t) => {
  const start = await chainStart(archive);
  const { hash } = await chainNext(start, digest);
  const others = [
    await chainNext(start, { ...digest, chat: flipped(digest.chat, 0) }),
    await chainNext(start, { ...digest, entry: flipped(digest.entry, 31) }),
    await chainNext(start, { ...digest, hash: flipped(digest.hash, 7) }),
    await chainNext(await chainStart("0b".repeat(16) as ArchiveId), digest),
    await chainNext(await chainNext(start, digest), digest),
  ];
  for (const other of others) t.notSame(other.hash, hash);
});

t.test("a checkpoint opens under its key and in its place, and is always equally long", async (t) => {
  const key = randomBytes(32);
  const place: CheckpointPlace = { kept: "archive", owner: archive };
  const lengths = new Set<number>();
  for (const counter of [0, 1, 255, 100_000, Number.MAX_SAFE_INTEGER]) {
    const checkpoint = { counter, hash: new Uint8Array(randomBytes(32)) };
    const sealed = await sealCheckpoint(key, place, checkpoint);
    lengths.add(sealed.length);
    t.same(await openCheckpoint(key, place, sealed), checkpoint);
    const elsewhere: CheckpointPlace = { kept: "service", owner: archive as unknown as AccountId };
    await t.rejects(openCheckpoint(key, elsewhere, sealed), { code: "undecryptable" });
    await t.rejects(openCheckpoint(flipped(key, 0), place, sealed), { code: "undecryptable" });
    await t.rejects(openCheckpoint(key, place, flipped(sealed, 20)), { code: "undecryptable" });
    await t.rejects(openCheckpoint(key, { ...place, owner: "0b".repeat(16) as ArchiveId }, sealed), {
      code: "undecryptable",
    });
  }
  t.equal(lengths.size, 1);
});
