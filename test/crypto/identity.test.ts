import { inspect } from "node:util";
import t from "tap";
import { identityFromSeed, newIdentitySeed } from "../../src/crypto/identity.js";
import { verifySignature } from "../../src/crypto/signature.js";
import { toHex, utf8 } from "../../src/protocol/bytes.js";
import { bytesOf, independent } from "./vectors.js";

t.test("a seed gives the same identity everywhere", async (t) => {
  const identity = await identityFromSeed(bytesOf(independent.alice.seed));
  t.equal(identity.account, independent.alice.account);
  t.same(identity.publicKey, bytesOf(independent.alice.card.identityKey));
});

t.test("a signature holds for its label, message and key only", async (t) => {
  const identity = await identityFromSeed(newIdentitySeed());
  const other = await identityFromSeed(newIdentitySeed());
  const message = utf8("message");
  const signature = await identity.sign("label", message);
  t.equal(await verifySignature(identity.publicKey, "label", message, signature), true);
  t.equal(await verifySignature(identity.publicKey, "lapel", message, signature), false);
  t.equal(await verifySignature(identity.publicKey, "label", utf8("massage"), signature), false);
  t.equal(await verifySignature(other.publicKey, "label", message, signature), false);
  // The zero byte behind the label keeps it apart from the message.
  t.equal(await verifySignature(identity.publicKey, "labelm", utf8("essage"), signature), false);
});

t.test("an identity and its seed print as [redacted]", async (t) => {
  const seed = newIdentitySeed();
  const identity = await identityFromSeed(seed);
  for (const value of [seed, identity] as readonly unknown[]) {
    t.equal(inspect(value), "[redacted]");
    t.equal(`${String(value)}`, "[redacted]");
    t.equal(JSON.stringify(value), '"[redacted]"');
  }
  t.notMatch(inspect({ deep: { identity, seed } }), toHex(seed));
});
