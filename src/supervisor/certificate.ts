/** The certificate that all listeners share: made at first start and renewed with the same key, or the operator's own. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  X509Certificate,
} from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import type { SelfsignedOptions } from "selfsigned";
import { readPrivateFile, writePrivateFile } from "../node/private-file.js";
import { FastChatError } from "../protocol/errors.js";
import type { TlsMaterial } from "../workers/entries.js";

export const KEY_FILE = "certificate.key";
export const CERTIFICATE_FILE = "certificate.pem";

/** Clients go by the pinned key; the date is for those that look at it all the same. */
const VALID_DAYS = 3650;
const RENEW_BEFORE_DAYS = 30;
const DAY_MS = 86_400_000;

/** SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469, section 2.4). */
export function pinOf(certificate: X509Certificate): Uint8Array {
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  return new Uint8Array(createHash("sha256").update(spki).digest());
}

export interface OwnCertificate {
  readonly tls: TlsMaterial;
  /** `null` where somebody vouches for the certificate: its key may change when it is renewed. */
  readonly pin: Uint8Array | null;
}

/**
 * Reads the operator's own certificate.
 *
 * @throws FastChatError `badConfig` where it cannot be read or certificate and key do not belong together
 */
export async function readCertificate(certFile: string, keyFile: string): Promise<OwnCertificate> {
  const cert = await readText(certFile, "certificate.certFile");
  const key = await readText(keyFile, "certificate.keyFile");
  const certificate = understand(
    () => new X509Certificate(cert),
    `certificate.certFile: ${certFile} is not a certificate in PEM.`,
  );
  const privateKey = understand(
    () => createPrivateKey(key),
    `certificate.keyFile: ${keyFile} is not a private key in PEM without a passphrase.`,
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new FastChatError(
      "badConfig",
      `certificate: the key in ${keyFile} does not belong to the certificate in ${certFile}.`,
    );
  }
  const selfSigned = certificate.issuer === certificate.subject && certificate.verify(certificate.publicKey);
  return { tls: { cert, key }, pin: selfSigned ? pinOf(certificate) : null };
}

/**
 * The certificate of a data folder. Its key is made once, so that the pin stays; the certificate around it is made
 * again when it is missing, about to expire, or does not name the host that clients are told.
 *
 * @param now milliseconds since 1970
 * @param onNarrowed told of a file that others could read
 * @throws FastChatError `badConfig` where the key is damaged
 */
export async function ensureCertificate(
  folder: string,
  publicHost: string,
  now: number,
  onNarrowed: (path: string) => void,
): Promise<OwnCertificate> {
  const keyFile = join(folder, KEY_FILE);
  const certFile = join(folder, CERTIFICATE_FILE);
  let key = (await readPrivateFile(keyFile, onNarrowed))?.toString("utf8");
  if (key === undefined) {
    key = generateKeyPairSync("ec", {
      namedCurve: "P-256",
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    }).privateKey;
    await writePrivateFile(keyFile, key);
  }
  const privateKey = understandKey(key, keyFile);
  const found = (await readPrivateFile(certFile, onNarrowed))?.toString("utf8");
  const fit = (certificate: X509Certificate) =>
    certificate.checkPrivateKey(privateKey) &&
    Date.parse(certificate.validTo) > now + RENEW_BEFORE_DAYS * DAY_MS &&
    (isIP(publicHost) === 0 ? certificate.checkHost(publicHost) : certificate.checkIP(publicHost)) !==
      undefined;
  let cert = found;
  if (cert === undefined || !fitting(cert, fit)) {
    cert = await makeCertificate(key, publicHost, now);
    await writePrivateFile(certFile, cert);
  }
  return { tls: { cert, key }, pin: pinOf(new X509Certificate(cert)) };
}

function fitting(cert: string, fit: (certificate: X509Certificate) => boolean): boolean {
  try {
    return fit(new X509Certificate(cert));
  } catch {
    return false;
  }
}

async function makeCertificate(key: string, publicHost: string, now: number): Promise<string> {
  const privateKey = createPrivateKey(key);
  const hosts = [...new Set([publicHost, "localhost", "127.0.0.1", "::1"])];
  const options: SelfsignedOptions = {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    // A clock that runs a little behind ours shall not call it not yet valid.
    notBeforeDate: new Date(now - DAY_MS),
    notAfterDate: new Date(now + VALID_DAYS * DAY_MS),
    keyPair: { privateKey: key, publicKey: publicPem(privateKey) },
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: hosts.map((host) => (isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host })),
      },
    ],
  };
  // Needed once in ten years, and slow to load.
  const { generate } = await import("selfsigned");
  const made = await generate([{ name: "commonName", value: "FastChat" }], options);
  return made.cert;
}

function publicPem(privateKey: ReturnType<typeof createPrivateKey>): string {
  return createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
}

function understandKey(key: string, file: string): ReturnType<typeof createPrivateKey> {
  return understand(
    () => createPrivateKey(key),
    `${file} is damaged; restore it from a backup. Without it clients that know this service will refuse it.`,
  );
}

async function readText(file: string, setting: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FastChatError("badConfig", `${setting}: ${file} cannot be read: ${reason}.`, undefined, {
      cause,
    });
  }
}

function understand<T>(read: () => T, otherwise: string): T {
  try {
    return read();
  } catch (cause) {
    throw new FastChatError("badConfig", otherwise, undefined, { cause });
  }
}
