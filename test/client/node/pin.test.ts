import { createHash, createPublicKey, X509Certificate } from "node:crypto";
import t from "tap";
import {
  judgeCertificate,
  certificatePin,
  ServiceTrust,
  type KnownKey,
} from "../../../src/client/node/pin.js";
import { connectTls } from "../../../src/client/node/tls-connect.js";
import { listenTls, makeAuthority, makeCertificate, trustIn } from "./tls-service.js";

const A = new Uint8Array(32).fill(1);
const B = new Uint8Array(32).fill(2);
const pinOf = (pin: Uint8Array): KnownKey => ({ kind: "pin", pin });
const vouched: KnownKey = { kind: "vouched" };
const options = { timeoutMs: 5000 };

t.test("the pin is the SHA-256 of the SubjectPublicKeyInfo inside the certificate", async (t) => {
  const { cert } = await makeCertificate();
  const spki = createPublicKey(cert).export({ type: "spki", format: "der" });
  t.ok(new X509Certificate(cert).raw.includes(spki), "these bytes stand in the certificate itself");
  t.same(Buffer.from(certificatePin(new X509Certificate(cert))), createHash("sha256").update(spki).digest());
});

t.test("what is believed", (t) => {
  const cases: [string, Uint8Array | null, KnownKey | null, { pin: Uint8Array; vouched: boolean }, object][] =
    [
      ["the pin of the address", A, null, { pin: A, vouched: false }, { kind: "trusted", learned: pinOf(A) }],
      [
        "the pin of the address, known",
        A,
        pinOf(A),
        { pin: A, vouched: false },
        { kind: "trusted", learned: null },
      ],
      [
        "the pin of the address over what was known",
        A,
        pinOf(B),
        { pin: A, vouched: false },
        { kind: "trusted", learned: pinOf(A) },
      ],
      [
        "another than the address names, though known",
        A,
        pinOf(B),
        { pin: B, vouched: false },
        { kind: "refused" },
      ],
      [
        "another than the address names, though vouched for",
        A,
        null,
        { pin: B, vouched: true },
        { kind: "refused" },
      ],
      [
        "one vouched for needs no pin",
        null,
        null,
        { pin: A, vouched: true },
        { kind: "trusted", learned: vouched },
      ],
      [
        "one vouched for whose key is remembered",
        null,
        pinOf(A),
        { pin: A, vouched: true },
        { kind: "trusted", learned: vouched, news: null },
      ],
      [
        "one vouched for in place of the key that is remembered is told of",
        null,
        pinOf(A),
        { pin: B, vouched: true },
        { kind: "trusted", learned: vouched, news: "authorityInstead" },
      ],
      [
        "one vouched for may change its key",
        null,
        vouched,
        { pin: B, vouched: true },
        { kind: "trusted", learned: null },
      ],
      [
        "one that was vouched for and is no more",
        null,
        vouched,
        { pin: A, vouched: false },
        { kind: "refused" },
      ],
      [
        "the first one",
        null,
        null,
        { pin: A, vouched: false },
        { kind: "trusted", learned: pinOf(A), news: "firstUse" },
      ],
      ["the same again", null, pinOf(A), { pin: A, vouched: false }, { kind: "trusted", learned: null }],
      ["a changed one", null, pinOf(A), { pin: B, vouched: false }, { kind: "refused", because: "changed" }],
    ];
  for (const [what, addressPin, known, presented, expected] of cases) {
    t.has(judgeCertificate(addressPin, known, presented), expected, what);
  }
  t.end();
});

t.test("a server with the pinned key is connected to, and nothing new is learned", async (t) => {
  const certificate = await makeCertificate();
  const server = await listenTls(certificate);
  t.teardown(() => server.close());
  const { trust, learned } = trustIn(server.port, { known: pinOf(certificate.pin) });
  const socket = await connectTls({ host: "127.0.0.1", port: server.port }, trust, options);
  t.equal(socket.getProtocol(), "TLSv1.3");
  socket.destroy();
  t.same(learned, []);
});

t.test(
  "a server with another key is refused, with both pins and a way out, and gets not one byte",
  async (t) => {
    const certificate = await makeCertificate();
    const server = await listenTls(certificate);
    t.teardown(() => server.close());
    const { trust, learned } = trustIn(server.port, { known: pinOf(A) });
    const refused = connectTls({ host: "127.0.0.1", port: server.port }, trust, options);
    await t.rejects(refused, {
      code: "pinMismatch",
      message: new RegExp(
        `has changed.*${Buffer.from(A).toString("base64url")}.*${Buffer.from(certificate.pin).toString("base64url")}.*--server`,
      ),
    });
    t.equal(server.received().length, 0);
    t.same(learned, []);
  },
);

t.test(
  "at first use the key is remembered before the connection goes on, once for all that connect at once",
  async (t) => {
    const certificate = await makeCertificate();
    const server = await listenTls(certificate);
    t.teardown(() => server.close());
    const { trust, learned } = trustIn(server.port);
    const endpoint = { host: "127.0.0.1", port: server.port };
    const sockets = await Promise.all([1, 2, 3].map(() => connectTls(endpoint, trust, options)));
    for (const socket of sockets) socket.destroy();
    t.same(learned, [{ key: pinOf(certificate.pin), news: "firstUse" }]);
  },
);

t.test("of two servers that both would be the first, the second is refused", async (t) => {
  const [one, two] = await Promise.all([makeCertificate(), makeCertificate()]);
  const servers = await Promise.all([listenTls(one), listenTls(two)]);
  t.teardown(() => Promise.all(servers.map((server) => server.close())));
  const { trust } = trustIn(servers[0]?.port ?? 0);
  const results = await Promise.allSettled(
    servers.map(({ port }) => connectTls({ host: "127.0.0.1", port }, trust, options)),
  );
  for (const result of results) if (result.status === "fulfilled") result.value.destroy();
  t.equal(results.filter(({ status }) => status === "rejected").length, 1);
});

t.test("a key that cannot be remembered is not believed", async (t) => {
  const trust = new ServiceTrust({ host: "127.0.0.1", port: 1, pin: null }, null, () =>
    Promise.reject(new Error("the disk is full")),
  );
  await t.rejects(trust.check({ pin: A, vouched: false }), /disk is full/);
  await t.rejects(
    trust.check({ pin: B, vouched: false }),
    /disk is full/,
    "nor taken for known the next time",
  );
});

t.test("a certificate that an authority vouches for needs no pin", async (t) => {
  const authority = await makeAuthority();
  const certificate = await makeCertificate("127.0.0.1", authority);
  const server = await listenTls(certificate);
  t.teardown(() => server.close());
  const endpoint = { host: "127.0.0.1", port: server.port };
  const { trust, learned } = trustIn(server.port);
  const socket = await connectTls(endpoint, trust, { ...options, certificateAuthorities: [authority.cert] });
  socket.destroy();
  t.same(learned, [{ key: vouched, news: null }]);

  await t.rejects(
    connectTls(endpoint, trust, options),
    { code: "pinMismatch", message: /No certificate authority vouches/ },
    "and cannot be replaced by one that nobody vouches for",
  );
});

t.test("an authority that vouches for another host's name does not count", async (t) => {
  const authority = await makeAuthority();
  const certificate = await makeCertificate("elsewhere.example", authority);
  const server = await listenTls(certificate);
  t.teardown(() => server.close());
  const endpoint = { host: "127.0.0.1", port: server.port };
  const { trust } = trustIn(server.port, { known: vouched });
  const connectOptions = { ...options, certificateAuthorities: [authority.cert] };
  await t.rejects(connectTls(endpoint, trust, connectOptions), { code: "pinMismatch" });

  const named = trustIn(server.port, { known: vouched, host: "elsewhere.example" });
  const socket = await connectTls(endpoint, named.trust, connectOptions);
  socket.destroy();
  t.pass("a chat server may show the certificate of the service's own name");
});

t.test("what cannot be connected to is told in words", async (t) => {
  const certificate = await makeCertificate();
  const gone = await listenTls(certificate);
  await gone.close();
  const { trust } = trustIn(gone.port);
  await t.rejects(connectTls({ host: "127.0.0.1", port: gone.port }, trust, options), {
    code: "unreachable",
    message: /nothing listens there/,
  });
});
