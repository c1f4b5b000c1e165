import t from "tap";
import { signCard, verifyCard } from "../../src/crypto/card.js";
import { toBase64Url } from "../../src/protocol/bytes.js";
import type { Card } from "../../src/protocol/http.js";
import type { UserName } from "../../src/protocol/ids.js";
import { person } from "./people.js";
import { bytesOf, flipped, independent } from "./vectors.js";

const alice = await person("alice");
const bob = await person("bob");
const refused = { code: "undecryptable", message: "This is damaged, forged, or meant for somebody else." };

t.test("a card that another library signed is accepted, and says what it says", async (t) => {
  const { card, account } = independent.carol;
  t.match(await verifyCard(card), {
    account,
    name: "carol",
    generation: 1,
    identityKey: bytesOf(card.identityKey),
    encryptionKey: bytesOf(card.encryptionKey),
  });
});

t.test("our card is the other library's, byte for byte", async (t) => {
  const card = await signCard({
    name: "alice" as UserName,
    generation: 1,
    encryptionKey: alice.verified.encryptionKey,
    identity: alice.keys.identity,
  });
  t.same(card, alice.card);
});

t.test("a card changed in any field is refused, alike for every field", async (t) => {
  const changes: Partial<Card>[] = [
    { name: "mallory" as UserName },
    { name: "Alice" as UserName },
    { name: "" as UserName },
    { generation: 2 },
    { generation: -1 },
    { generation: 1.5 },
    { identityKey: bob.card.identityKey },
    { identityKey: "" },
    { encryptionKey: bob.card.encryptionKey },
    { encryptionKey: "!" },
    { signature: bob.card.signature },
    { signature: "" },
    { signature: toBase64Url(flipped(bytesOf(alice.card.signature), 63)) },
  ];
  for (const change of changes) {
    await t.rejects(verifyCard({ ...alice.card, ...change }), refused, JSON.stringify(change));
  }
});

t.test("a card with an encryption key that is too weak is refused though its signature holds", async (t) => {
  for (const encryptionKey of [independent.weakKey, independent.exponentThreeKey].map(bytesOf)) {
    const card = await signCard({
      name: "alice" as UserName,
      generation: 1,
      encryptionKey,
      identity: alice.keys.identity,
    });
    await t.rejects(verifyCard(card), refused);
  }
});
