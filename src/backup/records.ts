/**
 * What a backup consists of, as bytes: records one behind the other, whatever engine the rows came from.
 *
 * ```
 * 0  u8    0: JSON, 1: rows
 * 1  u32   length of what follows
 * 5        JSON of one of the forms below, or rows
 * ```
 *
 * In their order: `head`, a `secret` for each file, then for the service and for the archives `database`, each of its tables as
 * `table`, rows and `tableEnd`, its sequences and `databaseEnd`; at last `end`. Rows are their values in the order of the
 * table's columns, each a u32 length, 0xffffffff for NULL, and that many bytes: of a `bytea` its own, of every other type
 * PostgreSQL's text.
 */
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { FastChatError } from "../protocol/errors.js";

/** The most bytes of one record. A row must fit, whatever its columns hold. */
export const MAX_RECORD_BYTES = 128 * 1024 * 1024;

const HEADER_BYTES = 5;
const JSON_KIND = 0;
const ROWS_KIND = 1;
const NULL_LENGTH = 0xffffffff;

const Text = Type.String({ minLength: 1, maxLength: 1000 });
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Version = Type.Integer({ minimum: 1, maximum: 1_000_000 });
const SchemaName = Type.Union([Type.Literal("service"), Type.Literal("archive")]);

const JsonRecordSchema = Type.Union([
  Type.Object({
    type: Type.Literal("head"),
    /** Of FastChat. */
    release: Text,
    /** ISO 8601, in UTC. */
    madeAt: Text,
    /** Versions of the two schemas. */
    service: Version,
    archive: Version,
  }),
  Type.Object({ type: Type.Literal("secret"), name: Text, content: Type.String({ maxLength: 1_000_000 }) }),
  Type.Object({ type: Type.Literal("database"), schema: SchemaName }),
  Type.Object({
    type: Type.Literal("table"),
    name: Text,
    columns: Type.Array(Type.Object({ name: Text, type: Text }), { minItems: 1, maxItems: 1600 }),
  }),
  Type.Object({ type: Type.Literal("tableEnd"), rows: Count }),
  Type.Object({
    type: Type.Literal("sequence"),
    name: Text,
    lastValue: Type.String({ pattern: "^-?[0-9]{1,19}$" }),
    isCalled: Type.Boolean(),
  }),
  Type.Object({ type: Type.Literal("databaseEnd") }),
  Type.Object({ type: Type.Literal("end") }),
]);

export type JsonRecord = Static<typeof JsonRecordSchema>;
export type BackupHead = Extract<JsonRecord, { type: "head" }>;
export type SchemaName = Static<typeof SchemaName>;

/** The value of a column: bytes of a `bytea`, or the text of another type in UTF-8. */
export type Value = Uint8Array | null;
export type Row = readonly Value[];

export interface RowsRecord {
  readonly type: "rows";
  /** As they stand in the file: {@link decodeRows} needs to know how many columns there are. */
  readonly content: Uint8Array;
}

export type BackupRecord = JsonRecord | RowsRecord;

const validator = Compile(JsonRecordSchema);

export function encodeJson(record: JsonRecord): Uint8Array {
  return framed(JSON_KIND, Buffer.from(JSON.stringify(record)));
}

/** @throws FastChatError `tooLarge` */
export function encodeRows(rows: readonly Row[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const value of rows.flat()) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(value === null ? NULL_LENGTH : value.length);
    parts.push(length);
    if (value !== null) parts.push(value);
  }
  return framed(ROWS_KIND, Buffer.concat(parts));
}

/**
 * The rows of a record.
 *
 * @param columns how many values a row has
 * @throws FastChatError `backupDamaged`
 */
export function decodeRows(content: Uint8Array, columns: number): Row[] {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  const rows: Row[] = [];
  for (let at = 0; at < bytes.length;) {
    const row: Value[] = [];
    while (row.length < columns) {
      if (at + 4 > bytes.length) throw damagedRecord("a row is not whole");
      const length = bytes.readUInt32BE(at);
      at += 4;
      if (length === NULL_LENGTH) {
        row.push(null);
        continue;
      }
      if (at + length > bytes.length) throw damagedRecord("a value is not whole");
      row.push(bytes.subarray(at, at + length));
      at += length;
    }
    rows.push(row);
  }
  return rows;
}

/**
 * Reads records out of pieces of any size.
 *
 * @throws FastChatError `backupDamaged` where they are none, or the last one is not whole
 */
export async function* decodeRecords(source: AsyncIterable<Uint8Array>): AsyncGenerator<BackupRecord, void> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  let needed = HEADER_BYTES;
  for await (const piece of source) {
    waiting.push(piece);
    length += piece.length;
    // Joined only where there is enough: a large record comes in very many pieces.
    while (length >= needed) {
      const bytes =
        waiting.length === 1 ? Buffer.from(waiting[0] as Uint8Array) : Buffer.concat(waiting, length);
      const size = bytes.readUInt32BE(1);
      if (size > MAX_RECORD_BYTES) throw damagedRecord("a record is larger than any can be");
      const whole = HEADER_BYTES + size;
      if (length < whole) {
        waiting = [bytes];
        needed = whole;
        break;
      }
      yield decodeRecord(bytes[0] as number, bytes.subarray(HEADER_BYTES, whole));
      waiting = [bytes.subarray(whole)];
      length -= whole;
      needed = HEADER_BYTES;
    }
  }
  if (length > 0) throw damagedRecord("the last record is not whole");
}

/** A failure of what should be right, since the file's digest was. @param why said to a person */
export function damagedRecord(why: string): FastChatError {
  return new FastChatError("backupDamaged", `The backup is not of the form that this release reads: ${why}.`);
}

function decodeRecord(kind: number, body: Uint8Array): BackupRecord {
  if (kind === ROWS_KIND) return { type: "rows", content: body };
  if (kind !== JSON_KIND) throw damagedRecord(`there is no record of kind ${kind}`);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    throw damagedRecord("a record is no JSON");
  }
  if (!validator.Check(value)) throw damagedRecord("a record is not known");
  return value;
}

function framed(kind: number, body: Uint8Array): Uint8Array {
  if (body.length > MAX_RECORD_BYTES) {
    throw new FastChatError("tooLarge", `A row can have ${MAX_RECORD_BYTES} bytes in a backup.`);
  }
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(kind);
  header.writeUInt32BE(body.length, 1);
  return Buffer.concat([header, body]);
}
