/** Checking signatures; making them is identity.ts. */
import { primitives } from "#primitives";
import { labelled } from "./fields.js";

/**
 * Whether `signature` is that of `message` under `label`.
 *
 * @param publicKey Ed25519, raw, 32 bytes
 * @param label domain of the signature; what was signed for one domain holds in no other
 * @param signature 64 bytes
 * @returns false as well for keys and signatures of a wrong length
 */
export async function verifySignature(
  publicKey: Uint8Array,
  label: string,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  return primitives.ed25519.verify(publicKey, labelled(label, message), signature);
}
