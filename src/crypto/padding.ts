/**
 * Padding that hides lengths at little cost: Padmé (Nikitin, Barman, Lueks, Underwood, Hubaux, Ford: "Reducing
 * Metadata Leakage from Encrypted Files and Communication with PURBs", PETS 2019, section 4). A padded length has no
 * more significant bits than the exponent of the length needs, so at most 12 % are added and O(log log) bits leak.
 */
import { equalBytes } from "../protocol/bytes.js";

/** The least length of what is padded: most chat messages look alike. */
export const MIN_PADDED_BYTES = 256;
const LENGTH_BYTES = 4;
/** Bit operations below are exact up to here; no message comes near. */
const MAX_PADDED_BYTES = 2 ** 30;

/** The padded length of `length` bytes, by Padmé and the minimum. */
export function paddedLength(length: number): number {
  if (length <= MIN_PADDED_BYTES) return MIN_PADDED_BYTES;
  const exponent = 31 - Math.clz32(length);
  const significant = 32 - Math.clz32(exponent);
  const mask = 2 ** (exponent - significant) - 1;
  return (length + mask) & ~mask;
}

/**
 * The u32 length of the content, the content, zeros.
 *
 * @throws RangeError on 1 GiB or more
 */
export function pad(content: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = LENGTH_BYTES + content.length;
  if (length >= MAX_PADDED_BYTES) throw new RangeError("too long to be padded");
  const padded = new Uint8Array(paddedLength(length));
  new DataView(padded.buffer).setUint32(0, content.length);
  padded.set(content, LENGTH_BYTES);
  return padded;
}

/** The content of what {@link pad} made; `null` for anything it would not have made. */
export function unpad(padded: Uint8Array): Uint8Array | null {
  if (padded.length < MIN_PADDED_BYTES || padded.length > MAX_PADDED_BYTES) return null;
  const end = LENGTH_BYTES + new DataView(padded.buffer, padded.byteOffset).getUint32(0);
  if (end > padded.length || paddedLength(end) !== padded.length) return null;
  const rest = padded.subarray(end);
  return equalBytes(rest, new Uint8Array(rest.length)) ? padded.subarray(LENGTH_BYTES, end) : null;
}
