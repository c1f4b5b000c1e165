/** The service's secrets and its certificate: made once, kept, and never silently made again. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  X509Certificate,
} from "node:crypto";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { generate } from "selfsigned";
import t from "tap";
import { readConfig } from "../../src/config.js";
import { pinOf } from "../../src/supervisor/certificate.js";
import { DEFAULTS_FILE } from "../../src/supervisor/command-line.js";
import { loadSecrets } from "../../src/supervisor/secrets.js";

const config = readConfig(DEFAULTS_FILE, [], "/");
const NOW = Date.UTC(2026, 0, 1);
/** Made with OpenSSL 3. */
const GOLDEN = `-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIUNgaA7iH7C4Vu+3YvUfIGw+ULKAswCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGZ29sZGVuMCAXDTI2MTEyMjE5MTk1MVoYDzIxMjYxMDI5MTkx
OTUxWjARMQ8wDQYDVQQDDAZnb2xkZW4wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AASOqGOwcE77tkHyZvCgGYp7zDnrczzwFKJrj/P2xwEStSvDJDKP90uFCWS5IBVQ
DUF4CWun3bwSBa1p/iL9oZ1to1MwUTAdBgNVHQ4EFgQUB3HcnLT42kHV6XBYatPA
EHu+69QwHwYDVR0jBBgwFoAUB3HcnLT42kHV6XBYatPAEHu+69QwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAyEnQQhI91Mq+WeN9x/Dd/sE3Oc5R
WuaZwSDo9/bIHUgCIG5JvNozyPbUTcBKeRb974L04+GM18lBZKsuYRuvJJur
-----END CERTIFICATE-----`;
const YEAR_MS = 365 * 86_400_000;

function load(folder: string, first: boolean, overrides: Partial<typeof config> = {}, now = NOW) {
  return loadSecrets(folder, { ...config, ...overrides }, first, now, () => undefined);
}

t.test("what is made at the first start is found again at every later one", async (t) => {
  const folder = t.testdir();
  const made = await load(folder, true);
  const found = await load(folder, false);
  t.same(found.tls, made.tls);
  t.same(found.certificate.pin, made.certificate.pin);
  t.equal(found.opaqueSetup, made.opaqueSetup);
  t.equal(found.grantKey, made.grantKey);
  for (const file of ["certificate.key", "certificate.pem", "opaque-setup", "grant-key.pem"]) {
    t.equal((await stat(join(folder, file))).mode & 0o777, 0o600, file);
  }
  const data = Buffer.from("x");
  const signature = sign(null, data, createPrivateKey(made.grantKey));
  t.ok(verify(null, data, createPublicKey(made.grantPublicKey), signature));
});

t.test("two services share no secret", async (t) => {
  const one = await load(t.testdir({ a: {} }) + "/a", true);
  const other = await load(t.testdir({ b: {} }) + "/b", true);
  t.not(one.opaqueSetup, other.opaqueSetup);
  t.not(one.grantKey, other.grantKey);
  t.notSame(one.certificate.pin, other.certificate.pin);
});

t.test("the certificate is one of ECDSA on P-256, and names the host", async (t) => {
  const { tls, certificate } = await load(t.testdir(), true, { publicHost: "chat.example.org" });
  const read = new X509Certificate(tls.cert);
  t.equal(read.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  t.equal(read.checkHost("chat.example.org"), "chat.example.org");
  t.equal(read.checkIP("127.0.0.1"), "127.0.0.1");
  t.notOk(read.ca);
  t.same(certificate.pin, pinOf(read));
});

t.test("the pin of a certificate is what OpenSSL computes", async (t) => {
  // openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
  t.equal(
    Buffer.from(pinOf(new X509Certificate(GOLDEN))).toString("base64"),
    "SzA0kutI/FF0WdkbtL+L7JLN12diJGBDdJOZNcinPmA=",
  );
});

t.test(
  "a certificate about to expire, lost or for another host is made anew with the same key",
  async (t) => {
    const folder = t.testdir();
    const first = await load(folder, true);
    const renewals = [
      await load(folder, false, {}, NOW + 10 * YEAR_MS),
      await load(folder, false, { publicHost: "chat.example.org" }, NOW + 10 * YEAR_MS),
      await load(folder, false, { publicHost: "192.0.2.7" }, NOW + 10 * YEAR_MS),
    ];
    await writeFile(join(folder, "certificate.pem"), "damaged");
    renewals.push(await load(folder, false));
    await rm(join(folder, "certificate.pem"));
    renewals.push(await load(folder, false));
    let before = first.tls.cert;
    for (const { tls, certificate } of renewals) {
      t.not(tls.cert, before);
      t.same(certificate.pin, first.certificate.pin);
      before = tls.cert;
    }
    t.equal((await load(folder, false)).tls.cert, before, "and then kept");
  },
);

t.test(
  "a lost or damaged secret is not made again: people could not log in and would not know why",
  async (t) => {
    const folder = t.testdir();
    await load(folder, true);
    const refused = (file: string, message: RegExp) =>
      t.rejects(load(folder, false), { code: "badConfig", message }, file);
    for (const file of ["opaque-setup", "grant-key.pem", "certificate.key"]) {
      const path = join(folder, file);
      const content = await readFile(path);
      await writeFile(path, "?");
      await refused(file, new RegExp(`${file} is damaged; restore it from a backup`));
      if (file !== "certificate.key") {
        await rm(path);
        await refused(file, new RegExp(`${file} is missing from a data folder that had it`));
      }
      await writeFile(path, content);
    }
    await writeFile(
      join(folder, "grant-key.pem"),
      generateKeyPairSync("x25519").privateKey.export({ type: "pkcs8", format: "pem" }),
    );
    await refused("a key of another kind", /grant-key\.pem is damaged/);
  },
);

t.test("an own certificate is used if it is whole and its key belongs to it", async (t) => {
  const folder = t.testdir();
  const subject = [{ name: "commonName", value: "own" }];
  const own = await generate(subject, { keyType: "ec", algorithm: "sha256" });
  const other = await generate(subject, { keyType: "ec", algorithm: "sha256" });
  const issued = await generate(subject, {
    keyType: "ec",
    algorithm: "sha256",
    ca: {
      key: other.private,
      cert: (
        await generate([{ name: "commonName", value: "authority" }], {
          keyType: "ec",
          algorithm: "sha256",
          keyPair: { privateKey: other.private, publicKey: other.public },
        })
      ).cert,
    },
  });
  const certFile = join(folder, "own.pem");
  const keyFile = join(folder, "own.key");
  const withOwn = (cert: string, key: string) =>
    Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]).then(() =>
      load(folder, true, { certificate: { certFile, keyFile } }),
    );
  const { tls, certificate } = await withOwn(own.cert, own.private);
  t.same(tls, { cert: own.cert, key: own.private });
  t.same(certificate.pin, pinOf(new X509Certificate(own.cert)));
  t.equal(
    (await withOwn(issued.cert, issued.private)).certificate.pin,
    null,
    "whoever vouches for it may do so for another key next time",
  );
  await t.rejects(withOwn(own.cert, other.private), {
    code: "badConfig",
    message: /the key in .+ does not belong to the certificate in/,
  });
  await t.rejects(withOwn("?", own.private), { code: "badConfig", message: /is not a certificate in PEM/ });
  await t.rejects(withOwn(own.cert, "?"), { code: "badConfig", message: /is not a private key in PEM/ });
  await rm(certFile);
  await t.rejects(load(folder, true, { certificate: { certFile, keyFile } }), {
    code: "badConfig",
    message: /certificate\.certFile: .+ cannot be read/,
  });
});

t.test("secrets do not print", async (t) => {
  const secrets = await load(t.testdir(), true);
  t.equal(`${inspect(secrets)} ${JSON.stringify({ secrets })}`, '[redacted] {"secrets":"[redacted]"}');
});
