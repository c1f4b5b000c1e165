/** PROTOCOL.md, "Accounts and placement": the forms of requests and answers. */
import t from "tap";
import type { TSchema } from "#typebox";
import { Check } from "#typebox/value";
import * as http from "../../src/protocol/http.js";
import { alterations } from "./altered.js";
import type { Value } from "./msgpack.js";

const text = (bytes: number) => Buffer.alloc(bytes, 0xa5).toString("base64url");
const stretching = { algorithm: "argon2id", iterations: 3, memoryKiB: 65_536, parallelism: 4 };
const card = {
  name: "alice",
  identityKey: text(32),
  encryptionKey: text(422),
  generation: 1,
  signature: text(64),
};
const vault = { generation: 1, sealed: text(500), wrappings: [{ kind: "password", wrapped: text(60) }] };
const session = { account: "a".repeat(32), device: "d".repeat(32), token: text(32) };
const opaque = text(192);

const examples: readonly (readonly [name: string, schema: TSchema, example: Value, optional?: string])[] = [
  ["Stretching", http.Stretching, stretching],
  ["Card", http.Card, card],
  ["VaultRecord", http.VaultRecord, vault],
  ["RegistrationMode", http.RegistrationMode, "invite"],
  ["RegisterStart", http.RegisterStart, { name: "alice", request: opaque, invite: "7K2M" }, "/invite"],
  ["RegisterStarted", http.RegisterStarted, { response: opaque, stretching }],
  [
    "RegisterFinish",
    http.RegisterFinish,
    { name: "alice", record: opaque, stretching, card, vault, device: "Alice's laptop", invite: "7K2M" },
    "/invite",
  ],
  ["SignedIn", http.SignedIn, session],
  ["LoginStart", http.LoginStart, { name: "alice", request: opaque }],
  ["LoginStarted", http.LoginStarted, { login: text(16), response: opaque, stretching }],
  ["LoginFinish", http.LoginFinish, { login: text(16), request: opaque, device: "" }],
  ["LoginFinished", http.LoginFinished, { session, card, vault }],
  ["ArchiveAddress", http.ArchiveAddress, { host: "127.0.0.1", port: 7441 }],
  [
    "Placement",
    http.Placement,
    {
      server: { id: "chat-1", host: "127.0.0.1", port: 7442 },
      archive: { host: "127.0.0.1", port: 7441 },
      ticket: text(300),
      validMs: 60_000,
    },
  ],
  ["Voucher", http.Voucher, { voucher: text(100) }],
  ["FileVoucherRequest", http.FileVoucherRequest, { bytes: 5_000 }],
  [
    "Devices",
    http.Devices,
    { devices: [{ device: "d".repeat(32), label: "phone", signedInAt: 1_000, lastUsedAt: 2_000 }] },
  ],
  ["ServiceCheckpoint", http.ServiceCheckpoint, { sealed: text(100) }],
  ["ReplaceCheckpoint", http.ReplaceCheckpoint, { instead: text(100), sealed: text(101) }],
  ["CheckpointReplaced", http.CheckpointReplaced, { replaced: true }],
  ["CardsRequest", http.CardsRequest, { accounts: ["a".repeat(32), "b".repeat(32)] }],
  ["CardsFound", http.CardsFound, { cards: [card] }],
  ["NameParam", http.NameParam, { name: "alice" }],
  [
    "ServiceInfo",
    http.ServiceInfo,
    { protocol: 1, version: "0.1.0", minimumStretching: stretching, registration: "open" },
  ],
  ["HttpError", http.HttpError, { code: "tooMany", message: "", retryAfterMs: 100 }, "/retryAfterMs"],
];

/** Where nothing may stand, told as null. */
const NULLABLE = new Set(["ServiceCheckpoint/sealed", "ReplaceCheckpoint/instead"]);

t.test("every schema has its example here", async (t) => {
  const schemas = Object.entries(http).filter(([, value]) => typeof value === "object" && "~kind" in value);
  t.same(schemas.map(([name]) => name).sort(), examples.map(([name]) => name).sort());
});

for (const [name, schema, example, optional] of examples) {
  t.test(`${name} is taken as it is, and with nothing missing or of another kind`, async (t) => {
    t.ok(Check(schema, example));
    t.ok(Check(schema, JSON.parse(JSON.stringify(example))));
    const wrong: unknown[] = [];
    for (const { path, what, value } of alterations(example, false)) {
      // An empty list of cards, or of text of any length, may be right.
      const none = what.startsWith("nil ") && NULLABLE.has(name + path);
      const expected = none || (what === "missing" && path === optional);
      if (Check(schema, value) !== expected) wrong.push({ path, what });
    }
    t.same(wrong, []);
    if (typeof example !== "object") return;
    t.ok(Check(schema, { ...example, later: true }), "a later version's field does no harm");
  });
}

/** Whether an example is still taken with other values at its top. */
function takes(schema: TSchema, example: object, change: object): boolean {
  return Check(schema, { ...example, ...change });
}

t.test("names are folded before they are sent", async (t) => {
  for (const name of ["abc", "x".repeat(32), "a.b_c-9"]) t.ok(takes(http.NameParam, {}, { name }));
  for (const name of ["ab", "x".repeat(33), "Alice", "al ice", "alice\n", "", "älice"]) {
    t.notOk(takes(http.NameParam, {}, { name }), JSON.stringify(name));
  }
});

t.test("binary is base64url of the right length in its only spelling", async (t) => {
  for (const key of [text(31), text(33), "", `${text(32)}=`, `${text(31)}+A`, `${text(32).slice(0, -1)}V`]) {
    t.notOk(takes(http.Card, card, { identityKey: key }), key);
  }
  t.notOk(takes(http.SignedIn, session, { token: `${text(32)}\n` }));
  t.ok(
    takes(http.Card, card, { encryptionKey: text(200) }) &&
      takes(http.Card, card, { encryptionKey: text(1200) }),
  );
  t.notOk(takes(http.Card, card, { encryptionKey: text(199) }));
  t.notOk(takes(http.Card, card, { encryptionKey: text(1201) }));
  t.ok(takes(http.VaultRecord, vault, { sealed: text(64 * 1024) }));
  t.notOk(takes(http.VaultRecord, vault, { sealed: text(64 * 1024 + 1) }));
  t.notOk(takes(http.VaultRecord, vault, { sealed: "" }));
});

t.test("numbers and lists have their bounds", async (t) => {
  for (const generation of [1, 0xffffffff]) t.ok(takes(http.Card, card, { generation }));
  for (const generation of [0, -1, 1.5, 2 ** 32]) t.notOk(takes(http.Card, card, { generation }));
  for (const iterations of [1, 64]) t.ok(takes(http.Stretching, stretching, { iterations }));
  for (const iterations of [0, 65, 2.5]) t.notOk(takes(http.Stretching, stretching, { iterations }));
  for (const memoryKiB of [8, 4 * 1024 * 1024]) t.ok(takes(http.Stretching, stretching, { memoryKiB }));
  for (const memoryKiB of [7, 4 * 1024 * 1024 + 1])
    t.notOk(takes(http.Stretching, stretching, { memoryKiB }));
  for (const parallelism of [0, 17]) t.notOk(takes(http.Stretching, stretching, { parallelism }));
  t.notOk(takes(http.Stretching, stretching, { algorithm: "argon2i" }));
  const wrappings = (count: number) => Array.from({ length: count }, () => vault.wrappings[0]);
  t.ok(takes(http.VaultRecord, vault, { wrappings: wrappings(8) }));
  t.notOk(takes(http.VaultRecord, vault, { wrappings: wrappings(9) }));
  t.notOk(takes(http.VaultRecord, vault, { wrappings: [] }));
  const accounts = (count: number) => Array.from({ length: count }, () => "a".repeat(32));
  t.ok(takes(http.CardsRequest, {}, { accounts: accounts(200) }));
  t.notOk(takes(http.CardsRequest, {}, { accounts: accounts(201) }));
  t.notOk(takes(http.CardsRequest, {}, { accounts: [] }));
  t.notOk(takes(http.CardsRequest, {}, { accounts: ["A".repeat(32)] }));
  t.notOk(takes(http.LoginFinish, { login: text(16), request: opaque }, { device: "x".repeat(65) }));
});

t.test("a name stands in a path as one segment", async (t) => {
  t.equal(http.PATHS.cardOf("a.b-c_9"), "/v1/cards/a.b-c_9");
  t.equal(http.PATHS.cardOf("../vault?x#y"), "/v1/cards/..%2Fvault%3Fx%23y");
  const paths = Object.values(http.PATHS).filter((path) => typeof path === "string");
  t.equal(new Set(paths).size, paths.length);
  t.ok(paths.every((path) => path.startsWith("/v1/")));
});
