/** The service's own secrets, made at first start. All of them belong to every backup. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { join } from "node:path";
import { ready, server } from "@serenity-kit/opaque";
import type { Config } from "../config.js";
import { readPrivateFile, writePrivateFile } from "../node/private-file.js";
import { fromBase64Url, toBase64Url } from "../protocol/bytes.js";
import { FastChatError } from "../protocol/errors.js";
import {
  CERTIFICATE_FILE,
  ensureCertificate,
  KEY_FILE,
  readCertificate,
  type OwnCertificate,
} from "./certificate.js";

export const OPAQUE_FILE = "opaque-setup";
export const GRANT_KEY_FILE = "grant-key.pem";
/** What operators show the balancer: 32 random bytes, base64url. */
export const OPERATOR_TOKEN_FILE = "operator-token";
const OPERATOR_TOKEN_BYTES = 32;

/** The files of a data folder that a backup takes with it: all that is not made again by itself, as it was. */
export const SECRET_FILES: readonly {
  readonly name: string;
  /** Whether every complete folder has it. */
  readonly required: boolean;
}[] = [
  // An operator's own certificate stands elsewhere.
  { name: KEY_FILE, required: false },
  { name: CERTIFICATE_FILE, required: false },
  { name: OPAQUE_FILE, required: true },
  { name: GRANT_KEY_FILE, required: true },
  // Made again where it is missing.
  { name: OPERATOR_TOKEN_FILE, required: false },
];

/** An object of this class is never printed with what it holds. */
export class Secrets {
  constructor(
    readonly certificate: OwnCertificate,
    /** OPAQUE server setup (RFC 9807), as its library spells it. */
    readonly opaqueSetup: string,
    /** Ed25519 private key of tickets and vouchers, PKCS #8 in PEM. */
    readonly grantKey: string,
    /** Its public half, SubjectPublicKeyInfo in PEM. */
    readonly grantPublicKey: string,
    /** SHA-256 of the operator token, 32 bytes: whoever checks the token need not know it. */
    readonly operatorTokenHash: Uint8Array,
  ) {}

  get tls() {
    return this.certificate.tls;
  }

  toJSON(): string {
    return "[redacted]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[redacted]";
  }
}

/**
 * Reads the secrets of a data folder, and makes them if this is its first start.
 *
 * @param first whether the folder was never started with success; afterwards a missing secret is a loss, not a beginning
 * @param now milliseconds since 1970
 * @param onNarrowed told of a file that others could read
 * @throws FastChatError `badConfig` for a missing or damaged secret, `diskFull`
 */
export async function loadSecrets(
  folder: string,
  config: Pick<Config, "certificate" | "publicHost" | "host">,
  first: boolean,
  now: number,
  onNarrowed: (path: string) => void,
): Promise<Secrets> {
  const { certFile, keyFile } = config.certificate;
  const certificate =
    certFile !== null && keyFile !== null
      ? await readCertificate(certFile, keyFile)
      : await ensureCertificate(folder, config.publicHost ?? config.host, now, onNarrowed);

  await ready;
  const opaqueSetup = await ensure(join(folder, OPAQUE_FILE), first, onNarrowed, () => server.createSetup());
  if (opaqueSetup === "" || fromBase64Url(opaqueSetup) === null) {
    throw damaged(join(folder, OPAQUE_FILE), "Without it nobody can log in.");
  }

  const grantFile = join(folder, GRANT_KEY_FILE);
  const grantKey = await ensure(grantFile, first, onNarrowed, makeGrantKey);
  const tokenHash = await operatorTokenHash(folder, onNarrowed);
  return new Secrets(certificate, opaqueSetup, grantKey, publicHalf(grantKey, grantFile), tokenHash);
}

/** Whoever loses the operator token gets another one: nothing is sealed or signed with it. */
async function operatorTokenHash(folder: string, onNarrowed: (path: string) => void): Promise<Uint8Array> {
  const file = join(folder, OPERATOR_TOKEN_FILE);
  const text = await ensure(file, true, onNarrowed, () => toBase64Url(randomBytes(OPERATOR_TOKEN_BYTES)));
  const token = fromBase64Url(text);
  if (token?.length !== OPERATOR_TOKEN_BYTES) {
    throw new FastChatError("badConfig", `${file} is damaged; remove it, and another token is made.`);
  }
  return createHash("sha256").update(token).digest();
}

async function ensure(
  file: string,
  first: boolean,
  onNarrowed: (path: string) => void,
  make: () => string,
): Promise<string> {
  const found = await readPrivateFile(file, onNarrowed);
  if (found !== null) return found.toString("utf8").trim();
  if (!first) {
    throw new FastChatError(
      "badConfig",
      `${file} is missing from a data folder that had it; restore it from a backup.`,
    );
  }
  const made = make().trim();
  await writePrivateFile(file, `${made}\n`);
  return made;
}

function makeGrantKey(): string {
  return generateKeyPairSync("ed25519", {
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  }).privateKey;
}

function publicHalf(grantKey: string, file: string): string {
  try {
    const privateKey = createPrivateKey(grantKey);
    if (privateKey.asymmetricKeyType === "ed25519") {
      return createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
    }
  } catch {
    // Said below for every reason alike.
  }
  throw damaged(file, "Without it no ticket can be signed.");
}

function damaged(file: string, consequence: string): FastChatError {
  return new FastChatError("badConfig", `${file} is damaged; restore it from a backup. ${consequence}`);
}
