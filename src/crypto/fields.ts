/** Unambiguous bytes of values, for what is hashed, signed or authenticated: numbers of fixed width, bytes with their length. */
import { concatBytes, utf8 } from "../protocol/bytes.js";

/** @param value an unsigned 32-bit integer */
export function u32(value: number): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new RangeError(`${value} is no unsigned 32-bit integer`);
  }
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** A u32 length, then the bytes. */
export function sized(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(u32(bytes.length), bytes);
}

/** A label with its zero byte, then the parts: the input of a hash, MAC or signature made for one purpose. */
export function labelled(label: string, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concatBytes(utf8(`${label}\0`), ...parts);
}
