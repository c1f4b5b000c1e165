/**
 * The part of MessagePack that this protocol speaks (PROTOCOL.md, "Conventions"): nil, booleans, numbers, strings,
 * binary, arrays and maps.
 *
 * The library reads more. Its extensions build numbers of any length, regular expressions, errors, and readers compiled
 * from the sender's names, at a cost that the sender chooses; so what comes from a peer is looked over before.
 */

/** Levels of arrays and maps within each other: many more than any message has. */
const MAX_DEPTH = 32;

/**
 * Whether `bytes` is exactly one value of that part (MessagePack specification, "Formats"). Its time and memory are
 * bounded by the bytes that came, whatever lengths they announce.
 */
export function isPlainMessagePack(bytes: Uint8Array): boolean {
  /** Values still to come, on each level. */
  const open = [1];
  let offset = 0;
  for (;;) {
    const level = open.length - 1;
    if (open[level] === 0) {
      if (level === 0) return offset === bytes.length;
      open.pop();
      continue;
    }
    open[level] = (open[level] as number) - 1;
    const token = bytes[offset++];
    if (token === undefined) return false;
    const form = FORMS[token];
    if (form === undefined) return false;
    let length = form.length;
    if (form.lengthBytes > 0) {
      length = readLength(bytes, offset, form.lengthBytes);
      offset += form.lengthBytes;
    }
    if (form.of === "bytes") offset += length;
    if (offset > bytes.length) return false;
    if (form.of === "bytes") continue;
    const values = form.of === "pairs" ? 2 * length : length;
    if (values > bytes.length - offset || open.length > MAX_DEPTH) return false;
    open.push(values);
  }
}

/** What follows a value's first byte: a length of so many bytes or, where that is 0, a known one, and what it counts. */
interface Form {
  readonly lengthBytes: 0 | 1 | 2 | 4;
  readonly length: number;
  readonly of: "bytes" | "values" | "pairs";
}

/** By first byte; none for extensions and the byte that is never used. */
const FORMS: readonly (Form | undefined)[] = Array.from({ length: 256 }, (_, token) => formOf(token));

function formOf(token: number): Form | undefined {
  const fixed = (length: number, of: Form["of"] = "bytes"): Form => ({ lengthBytes: 0, length, of });
  const counted = (lengthBytes: 1 | 2 | 4, of: Form["of"] = "bytes"): Form => ({
    lengthBytes,
    length: 0,
    of,
  });
  if (token < 0x80 || token >= 0xe0) return fixed(0);
  if (token < 0x90) return fixed(token & 0x0f, "pairs");
  if (token < 0xa0) return fixed(token & 0x0f, "values");
  if (token < 0xc0) return fixed(token & 0x1f);
  switch (token) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return fixed(0);
    case 0xcc: // uint 8
    case 0xd0: // int 8
      return fixed(1);
    case 0xcd: // uint 16
    case 0xd1: // int 16
      return fixed(2);
    case 0xca: // float 32
    case 0xce: // uint 32
    case 0xd2: // int 32
      return fixed(4);
    case 0xcb: // float 64
    case 0xcf: // uint 64
    case 0xd3: // int 64
      return fixed(8);
    case 0xc4: // bin 8
    case 0xd9: // str 8
      return counted(1);
    case 0xc5: // bin 16
    case 0xda: // str 16
      return counted(2);
    case 0xc6: // bin 32
    case 0xdb: // str 32
      return counted(4);
    case 0xdc: // array 16
      return counted(2, "values");
    case 0xdd: // array 32
      return counted(4, "values");
    case 0xde: // map 16
      return counted(2, "pairs");
    case 0xdf: // map 32
      return counted(4, "pairs");
    default:
      return undefined;
  }
}

/** A big-endian number; bytes behind the end count as 0, which its reader then finds to be too few. */
function readLength(bytes: Uint8Array, offset: number, lengthBytes: number): number {
  let length = 0;
  for (let i = 0; i < lengthBytes; i++) length = length * 256 + (bytes[offset + i] ?? 0);
  return length;
}
