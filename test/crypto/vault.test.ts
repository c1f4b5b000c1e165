import { inspect } from "node:util";
import t from "tap";
import { signCard, verifyCard } from "../../src/crypto/card.js";
import { importAccountKeys } from "../../src/crypto/account-keys.js";
import { openVault, sealVault } from "../../src/crypto/vault.js";
import {
  decodeVaultContents,
  encodeVaultContents,
  newEncryptionKey,
  newVaultContents,
} from "../../src/crypto/vault-contents.js";
import { toBase64Url, toHex, utf8 } from "../../src/protocol/bytes.js";
import type { VaultRecord } from "../../src/protocol/http.js";
import type { UserName } from "../../src/protocol/ids.js";
import { person } from "./people.js";
import { bytesOf, flipped, independent } from "./vectors.js";

const refused = { code: "undecryptable", message: "This is damaged, forged, or meant for somebody else." };
const alice = await person("alice");
const bob = await person("bob");
const exportKey = new Uint8Array(64).fill(1);
const { account } = alice;
const card = alice.verified;
const record = await sealVault({ contents: alice.contents, account, generation: 2, exportKey });

t.test("a vault that another library sealed opens", async (t) => {
  const { exportKey, archiveId, record } = independent.vault;
  const contents = await openVault({ record, account, card, exportKey: bytesOf(exportKey) });
  t.same(contents.identitySeed, bytesOf(independent.alice.seed));
  t.same(contents.encryptionKeys, [{ generation: 1, privateKey: bytesOf(independent.alice.privateKey) }]);
  t.equal(contents.archive.id, archiveId);
  t.equal(contents.archive.nextToken, null);
});

t.test("fields of a later release survive being sealed again", async (t) => {
  const { exportKey, record } = independent.vault;
  const contents = await openVault({ record, account, card, exportKey: bytesOf(exportKey) });
  const again = decodeVaultContents(encodeVaultContents(contents));
  t.equal((again as unknown as { later: number }).later, 1);
});

t.test("what was sealed opens, with its next token and old keys", async (t) => {
  const contents = {
    ...alice.contents,
    encryptionKeys: [
      { generation: 2, privateKey: bytesOf(independent.bob.privateKey) },
      { generation: 1, privateKey: bytesOf(independent.alice.privateKey) },
    ],
    archive: { ...alice.contents.archive, nextToken: new Uint8Array(32).fill(8) },
  };
  const rotated = await verifyCard(
    await signCard({
      name: "alice" as UserName,
      generation: 2,
      encryptionKey: bob.verified.encryptionKey,
      identity: alice.keys.identity,
    }),
  );
  const sealed = await sealVault({ contents, account, generation: 5, exportKey });
  t.equal(sealed.generation, 5);
  t.same(await openVault({ record: sealed, account, card: rotated, exportKey }), contents);
  await t.rejects(openVault({ record: sealed, account, card, exportKey }), refused, "beside the old card");
});

t.test("the vault key is a new one every time", async (t) => {
  const again = await sealVault({ contents: alice.contents, account, generation: 2, exportKey });
  t.not(again.sealed, record.sealed);
  const mixed = { ...again, wrappings: record.wrappings };
  await t.rejects(openVault({ record: mixed, account, card, exportKey }), refused);
});

t.test("a wrong password's key opens nothing", async (t) => {
  for (const at of [0, 31, 63]) {
    await t.rejects(openVault({ record, account, card, exportKey: flipped(exportKey, at) }), refused);
  }
});

t.test("tampering in any field is refused, alike everywhere", async (t) => {
  const sealed = bytesOf(record.sealed);
  for (let at = 0; at < sealed.length; at += at < 120 ? 1 : 31) {
    const tampered = { ...record, sealed: toBase64Url(flipped(sealed, at, at % 8)) };
    await t.rejects(openVault({ record: tampered, account, card, exportKey }), refused, `byte ${at}`);
  }
  const wrapped = bytesOf(record.wrappings[0]?.wrapped ?? "");
  for (let at = 0; at < wrapped.length; at += 5) {
    const wrappings = [{ kind: "password", wrapped: toBase64Url(flipped(wrapped, at, at % 8)) }];
    await t.rejects(openVault({ record: { ...record, wrappings }, account, card, exportKey }), refused);
  }
  const others: Partial<VaultRecord>[] = [
    { generation: 1 },
    { generation: 3 },
    { generation: 0 },
    { generation: 2 ** 32 },
    { sealed: "" },
    { sealed: "!" },
    { sealed: toBase64Url(sealed.subarray(0, 40)) },
    { wrappings: [] },
    { wrappings: [{ kind: "recovery", wrapped: record.wrappings[0]?.wrapped ?? "" }] },
    { wrappings: [{ kind: "password", wrapped: "!" }] },
  ];
  for (const other of others) {
    const tampered = { ...record, ...other };
    await t.rejects(
      openVault({ record: tampered, account, card, exportKey }),
      refused,
      JSON.stringify(other),
    );
  }
});

t.test("the vault or card of another account is refused", async (t) => {
  await t.rejects(openVault({ record, account: bob.account, card: bob.verified, exportKey }), refused);
  await t.rejects(openVault({ record, account, card: bob.verified, exportKey }), refused);
  await t.rejects(openVault({ record, account: bob.account, card, exportKey }), refused);
  const bobs = await sealVault({
    contents: bob.contents,
    account: bob.account,
    generation: 2,
    exportKey,
  });
  await t.rejects(openVault({ record: bobs, account, card, exportKey }), refused);
});

t.test("a card of another generation of keys is refused", async (t) => {
  const later = await verifyCard(
    await signCard({
      name: "alice" as UserName,
      generation: 2,
      encryptionKey: card.encryptionKey,
      identity: alice.keys.identity,
    }),
  );
  await t.rejects(openVault({ record, account, card: later, exportKey }), refused);
});

t.test("nothing is sealed that could not be opened", async (t) => {
  const { contents } = alice;
  const sealing = { contents, account, generation: 1, exportKey };
  await t.rejects(sealVault({ ...sealing, account: bob.account }), RangeError);
  await t.rejects(sealVault({ ...sealing, exportKey: new Uint8Array(31) }), RangeError);
  await t.rejects(sealVault({ ...sealing, contents: { ...contents, encryptionKeys: [] } }), refused);
  const huge = { ...contents, later: new Uint8Array(60_000) };
  await t.rejects(sealVault({ ...sealing, contents: huge }), { code: "tooLarge" });
});

t.test("contents that are none are refused", async (t) => {
  for (const bytes of [new Uint8Array(0), utf8("no contents"), Uint8Array.of(0x80)]) {
    t.throws(() => decodeVaultContents(bytes), refused);
  }
});

t.test(
  "a new account has keys of its own, a place for the next token, and prints as [redacted]",
  async (t) => {
    const contents = newVaultContents(await newEncryptionKey(2048));
    const keys = await importAccountKeys(contents);
    t.equal(keys.encryption.generation, 1);
    t.equal(keys.encryption.key.bits, 2048);
    t.same(keys.privateKeys, [keys.encryption.key]);
    t.equal(contents.archive.nextToken, null);
    const opened = decodeVaultContents(encodeVaultContents(contents));
    t.same(opened, contents);
    for (const value of [contents, opened, keys, opened.archive, opened.archive.key, opened.identitySeed]) {
      t.equal(inspect(value), "[redacted]");
      t.equal(JSON.stringify(value), '"[redacted]"');
    }
    t.notMatch(inspect({ ...opened }), toHex(contents.archive.token));
  },
);
