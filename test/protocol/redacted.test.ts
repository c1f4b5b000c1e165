import { inspect } from "node:util";
import t from "tap";
import { pack, unpack } from "../../src/protocol/codec.js";
import { redacted } from "../../src/protocol/redacted.js";

t.test("a redacted value shows nothing on a console, as text or as JSON", async (t) => {
  const values: readonly unknown[] = [
    redacted({ secret: "hush" }),
    redacted(Uint8Array.of(1, 2)),
    redacted(["hush"]),
  ];
  for (const value of values) {
    t.equal(inspect(value), "[redacted]");
    t.equal(inspect({ a: [value] }), "{ a: [ [redacted] ] }");
    t.equal(`${String(value)}`, "[redacted]");
    t.equal(JSON.stringify({ value }), '{"value":"[redacted]"}');
  }
});

t.test("code sees a redacted value as it is", async (t) => {
  const value = redacted({ secret: "hush", bytes: redacted(Uint8Array.of(1, 2)) });
  t.same(Object.keys(value), ["secret", "bytes"]);
  t.same(unpack(pack(value)), { secret: "hush", bytes: Uint8Array.of(1, 2) });
  t.same(structuredClone(value), { secret: "hush", bytes: Uint8Array.of(1, 2) });
  t.equal(inspect({ ...value, bytes: 0 }), "{ secret: 'hush', bytes: 0 }", "a copy is an ordinary value");
});
