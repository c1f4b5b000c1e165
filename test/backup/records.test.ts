/** Records of a backup: what was encoded comes out, however it is cut, and nothing else is taken for one. */
import t from "tap";
import {
  decodeRecords,
  decodeRows,
  encodeJson,
  encodeRows,
  MAX_RECORD_BYTES,
  type BackupRecord,
  type JsonRecord,
} from "../../src/backup/records.js";

const DAMAGED = { code: "backupDamaged" };

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function decoded(bytes: Uint8Array, size = 1000): Promise<BackupRecord[]> {
  const records: BackupRecord[] = [];
  for await (const record of decodeRecords(pieces(bytes, size))) records.push(record);
  return records;
}

/** As the layout has it, by other code. */
function framed(kind: number, body: string | Uint8Array, length = body.length): Buffer {
  return Buffer.concat([
    Buffer.from([kind, length >>> 24, length >>> 16, length >>> 8, length]),
    Buffer.from(body),
  ]);
}

const JSON_RECORDS: readonly JsonRecord[] = [
  { type: "head", release: "1.2.3", madeAt: "2026-01-02T03:04:05.678Z", service: 4, archive: 3 },
  { type: "secret", name: "opaque-setup", content: "c2VjcmV0" },
  { type: "database", schema: "service" },
  { type: "table", name: "accounts", columns: [{ name: "id", type: "uuid" }] },
  { type: "tableEnd", rows: 12 },
  { type: "sequence", name: "deliveries_position_seq", lastValue: "9223372036854775807", isCalled: true },
  { type: "databaseEnd" },
  { type: "end" },
];

t.test("the bytes are those of the layout", async (t) => {
  t.same(encodeJson({ type: "end" }), framed(0, '{"type":"end"}'));
  const rows = [
    [Buffer.from("ab"), null],
    [Buffer.alloc(0), Buffer.from([0, 255])],
  ] as const;
  const body = [0, 0, 0, 2, 97, 98, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 2, 0, 255];
  t.same(encodeRows(rows), framed(1, Uint8Array.from(body)));
});

t.test("records come out whole, wherever the bytes are cut", async (t) => {
  const rows = [
    [Buffer.from("one"), null],
    [Buffer.alloc(300, 7), Buffer.from("\u00e9")],
  ];
  const bytes = Buffer.concat([...JSON_RECORDS.slice(0, 4).map(encodeJson), encodeRows(rows)]);
  for (const size of [1, 2, 3, 5, 7, 64, bytes.length]) {
    const records = await decoded(bytes, size);
    t.same(records.slice(0, 4), JSON_RECORDS.slice(0, 4), `pieces of ${size}`);
    const last = records[4];
    t.same(last?.type === "rows" ? decodeRows(last.content, 2) : null, rows);
  }
  t.same(await decoded(Buffer.concat(JSON_RECORDS.map(encodeJson))), JSON_RECORDS);
  t.same(await decoded(Buffer.alloc(0)), []);
});

t.test("what ends within a record is refused, wherever it ends", async (t) => {
  const record = encodeJson({ type: "databaseEnd" });
  for (let end = 1; end < record.length; end++) {
    await t.rejects(decoded(record.subarray(0, end)), DAMAGED, `after ${end} bytes`);
  }
});

t.test("what is no record of this form is refused", async (t) => {
  for (const [what, bytes] of [
    ["another kind", framed(2, '{"type":"end"}')],
    ["no JSON", framed(0, "{")],
    ["a type that is not known", framed(0, '{"type":"view"}')],
    ["a record without what it must have", framed(0, '{"type":"table","name":"accounts"}')],
    ["a schema that is none of ours", framed(0, '{"type":"database","schema":"other"}')],
    [
      "a sequence that is at no number",
      framed(0, '{"type":"sequence","name":"s","lastValue":"1;2","isCalled":true}'),
    ],
    ["a negative count", framed(0, '{"type":"tableEnd","rows":-1}')],
  ] as const) {
    await t.rejects(decoded(bytes), DAMAGED, what);
  }
});

t.test("a length beyond the limit is refused before anything waits for it", async (t) => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield framed(1, "", MAX_RECORD_BYTES + 1);
    throw new Error("nothing more was to be read");
  }
  await t.rejects(decodeRecords(endless()).next(), DAMAGED);
});

t.test("rows that are not whole are refused", async (t) => {
  const [record] = await decoded(encodeRows([[Buffer.from("abc"), null]]));
  const content = record?.type === "rows" ? record.content : Buffer.alloc(0);
  t.equal(decodeRows(content, 2).length, 1);
  for (let end = 1; end < content.length; end++) {
    t.throws(() => decodeRows(content.subarray(0, end), 2), DAMAGED, `after ${end} bytes`);
  }
  t.throws(() => decodeRows(content, 3), DAMAGED, "of another table");
});
