import t from "tap";
import { primitives } from "#primitives";
import { fromHex, toHex, utf8 } from "../../../src/protocol/bytes.js";
import { bytesOf, flipped, independent } from "../vectors.js";

function hex(text: string): Uint8Array {
  const bytes = fromHex(text.replaceAll(/\s/g, ""));
  if (bytes === null) throw new Error(`not hexadecimal: ${text}`);
  return bytes;
}

const NIST_PLAINTEXT = hex(`
  6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
  30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710`);
const NIST_IV = hex("000102030405060708090a0b0c0d0e0f");

t.test("SHA-256 agrees with FIPS 180-4's example", async (t) => {
  t.equal(
    toHex(await primitives.sha256(utf8("abc"))),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

t.test("HMAC-SHA256 agrees with RFC 4231, cases 1, 2 and 6", async (t) => {
  t.equal(
    toHex(await primitives.hmacSha256(new Uint8Array(20).fill(0x0b), utf8("Hi There"))),
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  );
  t.equal(
    toHex(await primitives.hmacSha256(utf8("Jefe"), utf8("what do ya want for nothing?"))),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
  t.equal(
    toHex(
      await primitives.hmacSha256(
        new Uint8Array(131).fill(0xaa),
        utf8("Test Using Larger Than Block-Size Key - Hash Key First"),
      ),
    ),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  );
});

t.test("HKDF-SHA256 agrees with RFC 5869, cases 1 and 3", async (t) => {
  const ikm = new Uint8Array(22).fill(0x0b);
  t.equal(
    toHex(
      await primitives.hkdfSha256(ikm, hex("000102030405060708090a0b0c"), hex("f0f1f2f3f4f5f6f7f8f9"), 42),
    ),
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  );
  t.equal(
    toHex(await primitives.hkdfSha256(ikm, new Uint8Array(0), new Uint8Array(0), 42)),
    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  );
});

t.test("AES-CBC agrees with NIST SP 800-38A, F.2.1 and F.2.5", async (t) => {
  const cases = [
    [
      "2b7e151628aed2a6abf7158809cf4f3c",
      `7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2
       73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7`,
    ],
    [
      "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
      `f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d
       39f23369a9d9bacfa530e26304231461 b2eb05e2c39be9fcda6c19078c6a9d1b`,
    ],
  ] as const;
  for (const [key, ciphertext] of cases) {
    const made = await primitives.aesCbcEncrypt(hex(key), NIST_IV, NIST_PLAINTEXT);
    t.equal(toHex(made.subarray(0, 64)), toHex(hex(ciphertext)), "the blocks of the example");
    t.equal(made.length, 80, "and a block of padding");
    const back = await primitives.aesCbcDecrypt(hex(key), NIST_IV, made);
    t.equal(back && toHex(back), toHex(NIST_PLAINTEXT));
  }
});

t.test("AES-CBC answers null where length or padding is wrong", async (t) => {
  const key = primitives.randomBytes(16);
  const made = await primitives.aesCbcEncrypt(key, NIST_IV, NIST_PLAINTEXT);
  t.equal(await primitives.aesCbcDecrypt(key, NIST_IV, made.subarray(0, 79)), null);
  t.equal(await primitives.aesCbcDecrypt(key, NIST_IV, new Uint8Array(0)), null);
  // The last block but one decides on the padding: 16 becomes 17, which is none.
  t.equal(await primitives.aesCbcDecrypt(key, NIST_IV, flipped(made, 63)), null);
  await t.rejects(primitives.aesCbcEncrypt(primitives.randomBytes(24), NIST_IV, NIST_PLAINTEXT), RangeError);
});

t.test("Ed25519 agrees with RFC 8032, section 7.1, tests 1 to 3", async (t) => {
  const cases = [
    [
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      "",
      `e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac
       c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b`,
    ],
    [
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      "72",
      `92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e
       458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00`,
    ],
    [
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
      "af82",
      `6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290
       ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a`,
    ],
  ] as const;
  for (const [seed, publicKey, message, signature] of cases) {
    const key = await primitives.ed25519.importPrivateKey(hex(seed));
    t.equal(toHex(key.publicKey), publicKey);
    t.equal(toHex(await primitives.ed25519.sign(key, hex(message))), toHex(hex(signature)));
    t.equal(await primitives.ed25519.verify(hex(publicKey), hex(message), hex(signature)), true);
    for (let at = 0; at < 64; at++) {
      const forged = flipped(hex(signature), at, at % 8);
      t.equal(await primitives.ed25519.verify(hex(publicKey), hex(message), forged), false);
    }
  }
});

t.test("Ed25519 takes nothing for a signature that is none", async (t) => {
  const { publicKey, privateKey } = await primitives.ed25519.generate();
  const key = await primitives.ed25519.importPrivateKey(privateKey);
  const message = utf8("message");
  const signature = await primitives.ed25519.sign(key, message);
  const verify = (key: Uint8Array, message: Uint8Array, signature: Uint8Array) =>
    primitives.ed25519.verify(key, message, signature);
  t.equal(await verify(publicKey, message, signature), true);
  t.equal(await verify(publicKey, utf8("massage"), signature), false);
  t.equal(await verify(publicKey, message, signature.subarray(0, 63)), false);
  t.equal(await verify(publicKey.subarray(0, 31), message, signature), false);
  t.equal(await verify(new Uint8Array(32).fill(0xff), message, signature), false, "no point of the curve");
  const other = await primitives.ed25519.generate();
  t.equal(await verify(other.publicKey, message, signature), false);
  await t.rejects(primitives.ed25519.importPrivateKey(new Uint8Array(31)), RangeError);
});

t.test("more Ed25519 keys than are kept imported still verify", async (t) => {
  const message = utf8("message");
  const { publicKey, privateKey } = await primitives.ed25519.generate();
  const signature = await primitives.ed25519.sign(
    await primitives.ed25519.importPrivateKey(privateKey),
    message,
  );
  t.equal(await primitives.ed25519.verify(publicKey, message, signature), true);
  const none = new Uint8Array(64);
  for (let i = 0; i < 5000; i++) {
    const stranger = new Uint8Array(32);
    new DataView(stranger.buffer).setUint32(0, i);
    await primitives.ed25519.verify(stranger, message, none);
  }
  t.equal(await primitives.ed25519.verify(publicKey, message, signature), true);
});

for (const name of ["bob", "carol"] as const) {
  t.test(`RSA-OAEP opens what was made for it, and nothing else (${name}'s key)`, async (t) => {
    const { rsa } = primitives;
    const publicKey = await rsa.importPublicKey(bytesOf(independent[name].card.encryptionKey));
    const privateKey = await rsa.importPrivateKey(bytesOf(independent[name].privateKey));
    if (publicKey === null || privateKey === null) throw new Error("a good key was refused");
    t.equal(publicKey.bits, name === "bob" ? 2048 : 3072);
    t.equal(privateKey.bits, publicKey.bits);
    t.same(privateKey.publicKey, bytesOf(independent[name].card.encryptionKey));

    const label = utf8("label");
    const secret = primitives.randomBytes(32);
    const wrapped = await rsa.encrypt(publicKey, label, secret);
    t.equal(wrapped.length, publicKey.bits / 8);
    t.same(await rsa.decrypt(privateKey, label, wrapped), secret);
    t.equal(await rsa.decrypt(privateKey, utf8("lapel"), wrapped), null);
    t.equal(await rsa.decrypt(privateKey, label, flipped(wrapped, 100)), null);
    t.equal(await rsa.decrypt(privateKey, label, wrapped.subarray(1)), null);
    t.equal(await rsa.decrypt(privateKey, label, new Uint8Array(0)), null);

    let zeroFirst = wrapped;
    while (zeroFirst[0] !== 0) zeroFirst = await rsa.encrypt(publicKey, label, secret);
    t.same(await rsa.decrypt(privateKey, label, zeroFirst), secret);
    t.equal(await rsa.decrypt(privateKey, label, zeroFirst.subarray(1)), null, "the same number, shorter");
  });
}

t.test("a new RSA key is of the size asked for", async (t) => {
  const { rsa } = primitives;
  const made = await rsa.generate(2048);
  const key = await rsa.importPrivateKey(made.privateKey);
  t.equal(key?.bits, 2048);
  t.same(key?.publicKey, made.publicKey);
  t.equal((await rsa.importPublicKey(made.publicKey))?.bits, 2048);
  await t.rejects(rsa.generate(1024), RangeError);
  await t.rejects(rsa.generate(16384), RangeError);
});

t.test("what is no acceptable RSA key is refused", async (t) => {
  const { rsa } = primitives;
  t.equal(await rsa.importPrivateKey(utf8("no key")), null);
  t.equal(await rsa.importPublicKey(utf8("no key")), null);
  t.equal(await rsa.importPublicKey(bytesOf(independent.weakKey)), null);
  t.equal(await rsa.importPublicKey(bytesOf(independent.exponentThreeKey)), null);
  const ed25519 = hex(`302e020100300506032b657004220420${"11".repeat(32)}`);
  t.equal(await rsa.importPrivateKey(ed25519), null, "a key of another kind");
});

t.test("what primitives hand out lies in a buffer of its own", async (t) => {
  const made = [
    primitives.randomBytes(16),
    await primitives.sha256(new Uint8Array(1)),
    await primitives.aesCbcEncrypt(primitives.randomBytes(16), NIST_IV, new Uint8Array(1)),
  ];
  for (const bytes of made) t.equal(bytes.buffer.byteLength, bytes.length);
});
