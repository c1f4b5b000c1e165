import t from "tap";
import { GatherBuffer } from "../../src/node/gather-buffer.js";

function put(gather: GatherBuffer, text: string): void {
  const { bytes, offset } = gather.reserve(text.length);
  bytes.write(text, offset, "latin1");
}

t.test("what is put in piece by piece is taken out as one, in order", async (t) => {
  const gather = new GatherBuffer();
  const pieces = ["one", "", "two", "x".repeat(5000), "y".repeat(100_000), "end"];
  let used = 0;
  for (const piece of pieces) {
    put(gather, piece);
    used += piece.length;
    t.equal(gather.used, used);
  }
  t.equal(gather.take().toString("latin1"), pieces.join(""));
});

t.test("what was taken is the taker's: later pieces go elsewhere", async (t) => {
  const gather = new GatherBuffer();
  put(gather, "first");
  const taken = gather.take();
  t.equal(gather.used, 0);
  put(gather, "second");
  const next = gather.take();
  t.equal(taken.toString(), "first");
  t.equal(next.toString(), "second");
  t.not(next.buffer, taken.buffer);
});

t.test("taken bytes lie in memory of their own, which may go to another thread", async (t) => {
  const gather = new GatherBuffer();
  put(gather, "hello");
  const taken = gather.take();
  const moved = structuredClone(taken.buffer, { transfer: [taken.buffer] });
  t.equal(taken.buffer.byteLength, 0, "it left");
  t.equal(Buffer.from(moved, 0, 5).toString(), "hello");
  put(gather, "still works");
  t.equal(gather.take().toString(), "still works");
});

t.test("nothing gathered is an empty buffer, time after time", async (t) => {
  const gather = new GatherBuffer();
  for (let i = 0; i < 3; i++) {
    const taken = gather.take();
    t.equal(taken.length, 0);
    t.equal(taken.buffer.byteLength, 0, "of no size, so that transferring it costs nothing");
  }
});

t.test("a buffer begins as large as the last turn's, and shrinks again with the turns", async (t) => {
  const gather = new GatherBuffer();
  const sizes: number[] = [];
  for (const length of [100, 50_000, 40_000, 10, 10]) {
    for (let i = 0; i < length; i += 10) put(gather, "0123456789");
    sizes.push(gather.take().buffer.byteLength);
  }
  const [first, growing, ready, after, small] = sizes;
  t.equal(first, 1024);
  t.ok(growing !== undefined && growing >= 50_000 && growing <= 2 * 50_000, `grew to ${growing}`);
  t.equal(ready, 50_000, "large enough at once");
  t.equal(after, 40_000);
  t.equal(small, 1024);
});
