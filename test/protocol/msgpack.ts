/**
 * A writer and a reader of MessagePack made for the tests from the specification, so that what the protocol's codec
 * writes and reads is compared with something other than itself. Of each value it writes the shortest form.
 */
import { concatBytes } from "../../src/protocol/bytes.js";

export type Value =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value | undefined };

/** A field that is undefined is left out. */
export function write(value: Value): Buffer {
  if (value === null) return Buffer.of(0xc0);
  if (typeof value === "boolean") return Buffer.of(value ? 0xc3 : 0xc2);
  if (typeof value === "number") return writeNumber(value);
  if (typeof value === "string") {
    const bytes = Buffer.from(value);
    return Buffer.concat([head(bytes.length, [0xa0, 32], [0xd9, 0xda, 0xdb]), bytes]);
  }
  if (value instanceof Uint8Array)
    return Buffer.concat([head(value.length, null, [0xc4, 0xc5, 0xc6]), value]);
  if (isList(value)) {
    return Buffer.concat([head(value.length, [0x90, 16], [null, 0xdc, 0xdd]), ...value.map(write)]);
  }
  const fields = Object.entries(value).flatMap(([key, field]) =>
    field === undefined ? [] : [concatBytes(write(key), write(field))],
  );
  return Buffer.concat([head(fields.length, [0x80, 16], [null, 0xde, 0xdf]), ...fields]);
}

function isList(value: object): value is readonly Value[] {
  return Array.isArray(value);
}

function writeNumber(value: number): Buffer {
  const bytes = Buffer.alloc(9);
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    bytes.writeUInt8(0xcb);
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (value >= -32 && value < 128) return Buffer.of(value & 0xff);
  if (value < 0) {
    bytes.writeUInt8(0xd3);
    bytes.writeBigInt64BE(BigInt(value), 1);
    return bytes;
  }
  if (value < 2 ** 32) return head(value, null, [0xcc, 0xcd, 0xce]);
  bytes.writeUInt8(0xcf);
  bytes.writeBigUInt64BE(BigInt(value), 1);
  return bytes;
}

/** A first byte and the number after it: 8, 16 or 32 bits wide, or within the byte itself. */
function head(
  length: number,
  inByte: readonly [first: number, below: number] | null,
  wide: readonly [number | null, number, number],
): Buffer {
  if (inByte !== null && length < inByte[1]) return Buffer.of(inByte[0] + length);
  const bytes = Buffer.alloc(5);
  if (wide[0] !== null && length < 0x100) {
    bytes.writeUInt8(wide[0]);
    bytes.writeUInt8(length, 1);
    return bytes.subarray(0, 2);
  }
  if (length < 0x10000) {
    bytes.writeUInt8(wide[1]);
    bytes.writeUInt16BE(length, 1);
    return bytes.subarray(0, 3);
  }
  bytes.writeUInt8(wide[2]);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/**
 * The one value that `bytes` is.
 *
 * @throws Error on anything else, extensions included
 */
export function read(bytes: Uint8Array): Value {
  const reader = new Reader(Buffer.from(bytes));
  const value = reader.value(0);
  if (!reader.done) throw new Error("more than one value");
  return value;
}

class Reader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  get done(): boolean {
    return this.#at === this.bytes.length;
  }

  value(depth: number): Value {
    if (depth > 32) throw new Error("too deep");
    const first = this.#number(1);
    if (first < 0x80) return first;
    if (first < 0x90) return this.#map(first - 0x80, depth);
    if (first < 0xa0) return this.#list(first - 0x90, depth);
    if (first < 0xc0) return this.#take(first - 0xa0).toString();
    if (first >= 0xe0) return first - 256;
    if (first === 0xc0) return null;
    if (first === 0xc2 || first === 0xc3) return first === 0xc3;
    if (first >= 0xc4 && first <= 0xc6) return this.#take(this.#number(1 << (first - 0xc4)));
    if (first === 0xca) return this.#take(4).readFloatBE();
    if (first === 0xcb) return this.#take(8).readDoubleBE();
    if (first >= 0xcc && first <= 0xce) return this.#number(1 << (first - 0xcc));
    if (first === 0xcf) return Number(this.#take(8).readBigUInt64BE());
    if (first === 0xd0) return this.#take(1).readInt8();
    if (first === 0xd1) return this.#take(2).readInt16BE();
    if (first === 0xd2) return this.#take(4).readInt32BE();
    if (first === 0xd3) return Number(this.#take(8).readBigInt64BE());
    if (first >= 0xd9 && first <= 0xdb) return this.#take(this.#number(1 << (first - 0xd9))).toString();
    if (first === 0xdc || first === 0xdd) return this.#list(this.#number(first === 0xdc ? 2 : 4), depth);
    if (first === 0xde || first === 0xdf) return this.#map(this.#number(first === 0xde ? 2 : 4), depth);
    throw new Error(`not of the protocol's part: ${first}`);
  }

  #list(length: number, depth: number): Value[] {
    const values: Value[] = [];
    for (let i = 0; i < length; i++) values.push(this.value(depth + 1));
    return values;
  }

  #map(length: number, depth: number): Record<string, Value> {
    const fields: [string, Value][] = [];
    for (let i = 0; i < length; i++) fields.push([this.#key(depth + 1), this.value(depth + 1)]);
    return Object.fromEntries(fields);
  }

  /** Every key that this protocol writes is a string; of others only that they are whole matters here. */
  #key(depth: number): string {
    const key = this.value(depth);
    return typeof key === "string" ? key : JSON.stringify(key);
  }

  #number(bytes: number): number {
    return this.#take(bytes).readUIntBE(0, bytes);
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.bytes.length) throw new Error("ends too soon");
    const taken = this.bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
