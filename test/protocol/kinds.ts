/** The two kinds of byte string that the protocol is given: Node's Buffer, whose conversions are native, and any other. */
export const KINDS: readonly (readonly [name: string, from: (bytes: Iterable<number>) => Uint8Array])[] = [
  ["a Buffer", (bytes) => Buffer.from([...bytes])],
  ["a plain Uint8Array", (bytes) => Uint8Array.from(bytes)],
];

/** The same bytes somewhere inside a larger memory, so that an offset that is forgotten shows. */
export function inside(bytes: Uint8Array): Uint8Array {
  const around = Buffer.alloc(bytes.length + 7, 0xee);
  around.set(bytes, 5);
  const from = Buffer.isBuffer(bytes) ? around : new Uint8Array(around);
  return from.subarray(5, 5 + bytes.length);
}
