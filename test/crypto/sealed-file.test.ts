/** Files sealed under a password: what was sealed comes out, and nothing else does. */
import { createHash } from "node:crypto";
import t from "tap";
import {
  FileSealer,
  isSealed,
  openSealed,
  SEALED_BACKUP,
  SEALED_CHUNK_BYTES,
  SEALED_EXPORT,
} from "../../src/crypto/sealed-file.js";
import { concatBytes, fromUtf8, utf8 } from "../../src/protocol/bytes.js";
import { bytesOf, readVectors } from "./vectors.js";

const PASSWORD = "correct horse";
const HEAD = 28;

/** A file in pieces of some size. */
async function* pieces(file: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size);
}

async function opened(file: Uint8Array, password = PASSWORD, size = 1_000): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of openSealed(SEALED_EXPORT, pieces(file, size), () => Promise.resolve(password)))
    parts.push(part);
  return concatBytes(...parts);
}

/** A file of records with these contents. */
async function sealed(
  ...contents: readonly Uint8Array[]
): Promise<{ file: Uint8Array; records: Uint8Array[] }> {
  const sealer = await FileSealer.create(SEALED_EXPORT, PASSWORD);
  const records: Uint8Array[] = [];
  for (const [index, content] of contents.entries()) {
    records.push(await sealer.seal(content, index === contents.length - 1));
  }
  return { file: concatBytes(sealer.head, ...records), records };
}

t.test("what was sealed comes out, whatever its length and the pieces it comes in", async (t) => {
  for (const length of [0, 1, SEALED_CHUNK_BYTES, SEALED_CHUNK_BYTES + 1, 3 * SEALED_CHUNK_BYTES]) {
    const content = new Uint8Array(length).map((_, index) => index % 251);
    const { file } = await sealed(content);
    t.ok(isSealed(SEALED_EXPORT, file));
    t.same(await opened(file, PASSWORD, 7_919), content, `${length} bytes`);
  }
  const { file } = await sealed(utf8("one, "), utf8("two, "), utf8("three"));
  t.same(await opened(file, PASSWORD, 1), utf8("one, two, three"));
  t.notOk(isSealed(SEALED_EXPORT, utf8("{")));
});

t.test("an export that other code sealed opens", async (t) => {
  const vector = readVectors<Record<"password" | "hash" | "file", string>>("sealed-export.json");
  const text = fromUtf8(await opened(bytesOf(vector.file), vector.password));
  t.equal(createHash("sha256").update(text).digest("base64url"), vector.hash);
  await t.rejects(opened(bytesOf(vector.file), `${vector.password} `), { code: "undecryptable" });
});

t.test("a file of a later version says so, and nobody is asked for its password", async (t) => {
  const { file } = await sealed(utf8("content"));
  const later = Uint8Array.from(file);
  later[8] = 2;
  const asked = (): Promise<string> => Promise.reject(new Error("it was asked for"));
  await t.rejects(openSealed(SEALED_EXPORT, pieces(later, 100), asked).next(), {
    code: "badRequest",
    message: /version 2.*Update FastChat/,
  });
});

t.test("a file of one kind does not open as another, whatever it says of itself", async (t) => {
  const { file } = await sealed(utf8("content"));
  const posing = Uint8Array.from(file);
  posing.set(SEALED_BACKUP.magic);
  const password = (): Promise<string> => Promise.resolve(PASSWORD);
  for (const bytes of [file, posing]) {
    await t.rejects(openSealed(SEALED_BACKUP, pieces(bytes, 100), password).next(), {
      code: "undecryptable",
    });
  }
  t.notOk(isSealed(SEALED_BACKUP, file));
  t.ok(isSealed(SEALED_BACKUP, posing));
});

t.test("two files of the same content have nothing in common", async (t) => {
  const [one, other] = [await sealed(utf8("the same")), await sealed(utf8("the same"))];
  t.notSame(one.file.subarray(12, HEAD), other.file.subarray(12, HEAD), "salt");
  t.notSame(one.file.subarray(HEAD), other.file.subarray(HEAD));
});

t.test("another password, and every changed byte, is the same failure", async (t) => {
  const { file } = await sealed(utf8("some content"));
  const failure = { code: "undecryptable", message: /^This is damaged, forged/ };
  await t.rejects(opened(file, "Correct horse"), failure);
  // A changed cost would take long; what may be asked for is tried below.
  const places = [0, 12, 27, 28, 29, 32, 33, 34, 49, 60, file.length - 33, file.length - 1];
  for (const at of places) {
    const changed = Uint8Array.from(file);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await t.rejects(opened(changed), failure, `byte ${at}`);
  }
});

t.test("nothing can be cut off, left out, exchanged, repeated, added or joined", async (t) => {
  const { file, records } = await sealed(utf8("one"), utf8("two"), utf8("three"));
  const [one, two, three] = records as [Uint8Array, Uint8Array, Uint8Array];
  const head = file.subarray(0, HEAD);
  const other = await sealed(utf8("one"), utf8("two"), utf8("three"));
  const bent: Record<string, readonly Uint8Array[]> = {
    "cut within the head": [head.subarray(0, 20)],
    "the head alone": [head],
    "cut at a record": [head, one, two],
    "cut within a record": [head, one, two, three.subarray(0, -1)],
    "one left out": [head, one, three],
    "two exchanged": [head, two, one, three],
    "one repeated": [head, one, one, two, three],
    "something behind the last": [head, one, two, three, Uint8Array.of(0)],
    "the last one twice": [head, one, two, three, three],
    "another file's record": [head, one, other.records[1] ?? head, three],
    "another file's head": [other.file.subarray(0, HEAD), one, two, three],
    "a record called last that is not": [head, one, Uint8Array.of(1, ...two.subarray(1))],
    "a last one that is not called so": [head, one, two, Uint8Array.of(0, ...three.subarray(1))],
    "a length beyond all": [head, Uint8Array.of(0, 255, 255, 255, 255), one.subarray(5)],
  };
  t.same(await opened(concatBytes(head, one, two, three)), utf8("onetwothree"));
  for (const [what, parts] of Object.entries(bent)) {
    await t.rejects(opened(concatBytes(...parts)), { code: "undecryptable" }, what);
  }
});

t.test("a head that asks for too much is refused before anybody is asked for the password", async (t) => {
  const { file } = await sealed(utf8("content"));
  for (const [logN, r, p] of [
    [0, 8, 1],
    [16, 1, 1],
    [21, 8, 1],
    [20, 9, 1],
    [17, 0, 1],
    [17, 255, 1],
    [17, 8, 0],
    [17, 8, 5],
  ] as const) {
    const asking = Uint8Array.from(file);
    asking.set([logN, r, p], 9);
    let asked = 0;
    const password = (): Promise<string> => {
      asked += 1;
      return Promise.resolve(PASSWORD);
    };
    await t.rejects(openSealed(SEALED_EXPORT, pieces(asking, 100), password).next(), {
      code: "undecryptable",
    });
    t.equal(asked, 0, `${logN} ${r} ${p}`);
  }
});
