import t from "tap";
import { open, seal, SEALED_OVERHEAD_BYTES, type SealContext } from "../../src/crypto/sealed.js";
import { fromUtf8, utf8 } from "../../src/protocol/bytes.js";
import { bytesOf, flipped, independent } from "./vectors.js";

const refused = { code: "undecryptable", message: "This is damaged, forged, or meant for somebody else." };
const key = new Uint8Array(32).fill(3);
const context: SealContext = {
  format: 1,
  purpose: "archive-entry",
  owner: "someone",
  generation: 2,
  extra: [utf8("chat"), utf8("entry")],
};

t.test("a record that another library sealed opens", async (t) => {
  const { key, owner, plaintext, sealed } = independent.sealed;
  const bound: SealContext = {
    format: 9,
    purpose: "export",
    owner,
    generation: 4,
    extra: [utf8("one"), utf8("")],
  };
  t.equal(fromUtf8(await open(bytesOf(key), bound, bytesOf(sealed))), plaintext);
});

t.test("what was sealed opens, whatever its length", async (t) => {
  for (const length of [0, 1, 15, 16, 17, 5000]) {
    const plaintext = new Uint8Array(length).fill(9);
    const sealed = await seal(key, context, plaintext);
    t.same(await open(key, context, sealed), plaintext);
    t.ok(sealed.length <= length + SEALED_OVERHEAD_BYTES);
  }
});

t.test("one plaintext is sealed differently every time", async (t) => {
  t.notSame(await seal(key, context, utf8("x")), await seal(key, context, utf8("x")));
});

t.test("a record opens under no other context", async (t) => {
  const sealed = await seal(key, context, utf8("secret"));
  const others: Partial<SealContext>[] = [
    { format: 2 },
    { purpose: "device" },
    { owner: "someone else" },
    { owner: "" },
    { generation: 1 },
    { generation: 3 },
    { extra: [] },
    { extra: [utf8("chat")] },
    { extra: [utf8("entry"), utf8("chat")] },
    { extra: [utf8("chatentry")] },
    { extra: [utf8("chate"), utf8("ntry")] },
    { extra: [utf8("chat"), utf8("entry"), utf8("")] },
  ];
  for (const other of others) {
    await t.rejects(open(key, { ...context, ...other }, sealed), refused, JSON.stringify(other));
  }
});

t.test("a record opens under no other key, and with no bit changed, cut or added", async (t) => {
  const sealed = await seal(key, context, utf8("secret"));
  await t.rejects(open(flipped(key, 31), context, sealed), refused);
  for (let at = 0; at < sealed.length; at++) {
    await t.rejects(open(key, context, flipped(sealed, at, at % 8)), refused, `byte ${at}`);
    await t.rejects(open(key, context, sealed.subarray(0, at)), refused, `the first ${at} bytes`);
  }
  await t.rejects(open(key, context, Uint8Array.of(...sealed, 0)), refused);
});

t.test("keys and numbers that do not fit are refused before anything is sealed", async (t) => {
  await t.rejects(seal(new Uint8Array(31), context, utf8("x")), RangeError);
  await t.rejects(seal(key, { ...context, generation: -1 }, utf8("x")), RangeError);
  await t.rejects(seal(key, { ...context, format: 0.5 }, utf8("x")), RangeError);
});
