/** The bytes of PostgreSQL messages: a type, a u32 length that counts itself, and fields. */

/** A whole message. */
export function wireMessage(type: number, ...fields: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeUInt32BE(
    fields.reduce((sum, field) => sum + field.length, 4),
    1,
  );
  return Buffer.concat([head, ...fields]);
}

/** A text field: ended by a zero byte. */
export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
