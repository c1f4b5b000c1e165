/**
 * Safety numbers: sixty digits that two people compare to know that nobody stands between them. Thirty digits of each
 * identity, the lesser first, after many rounds of hashing, which make it dear to search for a key that looks alike;
 * the practice of numeric fingerprints as Signal introduced them.
 */
import { primitives } from "#primitives";
import { concatBytes } from "../protocol/bytes.js";
import { labelled } from "./fields.js";
import { LABELS } from "./labels.js";

/** As many as Signal takes; a tenth of a second on a slow device. */
const ROUNDS = 5200;
const GROUPS = 6;
const GROUP_BYTES = 5;

/**
 * The safety number of two identities; the same whichever comes first.
 *
 * @param a Ed25519 public key, raw, 32 bytes
 * @param b likewise
 * @returns twelve groups of five digits with a space between
 */
export async function safetyNumber(a: Uint8Array, b: Uint8Array): Promise<string> {
  const [one, other] = await Promise.all([fingerprint(a), fingerprint(b)]);
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}

async function fingerprint(identityKey: Uint8Array): Promise<string> {
  let hash = await primitives.sha256(labelled(LABELS.safetyNumber, identityKey));
  for (let round = 1; round < ROUNDS; round++) {
    hash = await primitives.sha256(concatBytes(hash, identityKey));
  }
  const groups: string[] = [];
  for (let at = 0; at < GROUPS * GROUP_BYTES; at += GROUP_BYTES) {
    const value = hash.subarray(at, at + GROUP_BYTES).reduce((sum, byte) => sum * 256 + byte, 0);
    groups.push(String(value % 100000).padStart(5, "0"));
  }
  return groups.join(" ");
}
