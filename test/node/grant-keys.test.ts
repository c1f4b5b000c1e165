import { generateKeyPairSync } from "node:crypto";
import t from "tap";
import { rawEd25519PublicKey } from "../../src/node/grant-keys.js";

t.test("the raw key is that of RFC 8410, section 10.1", async (t) => {
  const pem = [
    "-----BEGIN PUBLIC KEY-----",
    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
    "-----END PUBLIC KEY-----",
  ].join("\n");
  const raw = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
  t.equal(Buffer.from(rawEd25519PublicKey(pem)).toString("hex"), raw);
});

t.test("a key of another kind is refused", async (t) => {
  const others = [
    generateKeyPairSync("x25519").publicKey,
    generateKeyPairSync("ed448").publicKey,
    generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey,
  ];
  for (const key of others) {
    t.throws(() => rawEd25519PublicKey(key.export({ type: "spki", format: "pem" }).toString()), {
      message: /Ed25519/,
    });
  }
  t.throws(() => rawEd25519PublicKey("no key at all"));
});
