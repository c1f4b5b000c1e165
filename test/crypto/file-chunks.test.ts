import t from "tap";
import {
  chunksOf,
  FILE_CHUNK_BYTES,
  FileHash,
  newFileSecrets,
  openChunk,
  sealChunk,
  sealedFileBytes,
} from "../../src/crypto/file-chunks.js";
import { createHash, randomBytes } from "node:crypto";
import { flipped } from "./vectors.js";

const refused = { code: "undecryptable" };

t.test("a chunk opens in its file, its place and its role, and nowhere else", async (t) => {
  const secrets = newFileSecrets();
  const chunk = randomBytes(1_000);
  const sealed = await sealChunk(secrets, 3, false, chunk);
  t.ok(chunk.equals(await openChunk(secrets, 3, false, sealed)));
  await t.rejects(openChunk(secrets, 2, false, sealed), refused, "another place");
  await t.rejects(openChunk(secrets, 3, true, sealed), refused, "as the last one");
  await t.rejects(openChunk({ ...secrets, file: flipped(secrets.file, 0) }, 3, false, sealed), refused);
  await t.rejects(openChunk({ ...secrets, key: flipped(secrets.key, 0) }, 3, false, sealed), refused);
  await t.rejects(openChunk(secrets, 3, false, flipped(sealed, 40)), refused);
  await t.rejects(openChunk(secrets, 3, false, sealed.subarray(0, -1)), refused);
});

t.test("sealed sizes are never above what is said beforehand", async (t) => {
  const secrets = newFileSecrets();
  for (const bytes of [0, 1, 15, 16, 17, FILE_CHUNK_BYTES - 1, FILE_CHUNK_BYTES, FILE_CHUNK_BYTES + 1]) {
    const chunks = chunksOf(bytes, FILE_CHUNK_BYTES);
    t.equal(chunks, Math.max(1, Math.ceil(bytes / FILE_CHUNK_BYTES)));
    let sealed = 0;
    for (let number = 0; number < chunks; number++) {
      const length = Math.min(FILE_CHUNK_BYTES, bytes - number * FILE_CHUNK_BYTES);
      sealed += (await sealChunk(secrets, number, number === chunks - 1, new Uint8Array(length))).length;
    }
    t.ok(sealed <= sealedFileBytes(bytes), `${bytes}: ${sealed}`);
  }
});

t.test("a file's hash is SHA-256 over its chunks' hashes", async (t) => {
  const chunks = [randomBytes(100), randomBytes(7)];
  const hash = new FileHash();
  for (const chunk of chunks) await hash.add(chunk);
  const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
  t.ok(sha256(Buffer.concat(chunks.map(sha256))).equals(await hash.digest()));
});
