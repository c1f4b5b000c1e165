import { PassThrough } from "node:stream";
import t from "tap";
import { BoundedOutput } from "../../src/supervisor/bounded-output.js";

t.test("what nobody reads is left out beyond a bound, and counted once somebody reads again", async (t) => {
  const stream = new PassThrough({ highWaterMark: 1 });
  const output = new BoundedOutput(stream, (leftOut) => `${leftOut} left out\n`, 100);
  for (let i = 0; i < 1000; i++) output.write(`line ${String(i).padStart(3, "0")}\n`);
  t.ok(stream.writableLength <= 100, `${stream.writableLength} bytes wait`);
  let text = "";
  stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  while (stream.writableLength > 0) await new Promise((resolve) => setImmediate(resolve));
  output.write("the next one\n");
  while (stream.writableLength > 0) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  const lines = text.trimEnd().split("\n");
  const kept = lines.length - 2;
  t.same(lines.slice(-2), [`${1000 - kept} left out`, "the next one"]);
  t.same(
    lines.slice(0, kept),
    Array.from({ length: kept }, (_, i) => `line ${String(i).padStart(3, "0")}`),
    "the first ones, whole",
  );
});

t.test("a line is never too long for a stream that is read", (t) => {
  const stream = new PassThrough();
  const output = new BoundedOutput(stream, () => "", 10);
  stream.resume();
  output.write("x".repeat(1000));
  t.ok(stream.writableLength + stream.readableLength > 0);
  t.end();
});
