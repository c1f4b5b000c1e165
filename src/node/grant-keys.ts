/** The balancer's public key, as those who check its tickets and vouchers hold it. */
import { createPublicKey } from "node:crypto";

/**
 * The raw 32 bytes of an Ed25519 public key (RFC 8032) in PEM (RFC 8410).
 *
 * @throws Error where the PEM holds anything else
 */
export function rawEd25519PublicKey(pem: string): Uint8Array {
  const { crv, x } = createPublicKey(pem).export({ format: "jwk" });
  if (crv !== "Ed25519" || x === undefined) throw new Error("an Ed25519 public key was expected");
  return new Uint8Array(Buffer.from(x, "base64url"));
}
