/** PROTOCOL.md, "Frames". The expected bytes are built with Node's own Buffer methods. */
import fc from "fast-check";
import t from "tap";
import { encodeFrame, FrameSplitter } from "../../src/protocol/frame.js";
import { inside, KINDS } from "./kinds.js";

fc.configureGlobal({ seed: 2 });

function golden(content: Uint8Array): Buffer {
  const frame = Buffer.alloc(4 + content.length);
  frame.writeUInt32BE(content.length, 0);
  frame.set(content, 4);
  return frame;
}

function announcing(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length, 0);
  return bytes;
}

const contents = [1, 2, 3, 4, 5, 90, 300].map((length, index) => Buffer.alloc(length, 0x11 * (index + 1)));
const stream = Buffer.concat(contents.map(golden));
const expected = contents.map((content) => content.toString("hex"));

/** What a splitter makes of chunks, as hexadecimal. */
function split(chunks: readonly Uint8Array[], maxFrameBytes = 1000): string[] {
  const splitter = new FrameSplitter(maxFrameBytes);
  const frames: string[] = [];
  for (const chunk of chunks) {
    splitter.push(chunk, (content) => frames.push(Buffer.from(content).toString("hex")));
  }
  return frames;
}

t.test("a frame is its length in network order and its content", async (t) => {
  for (const content of [...contents, Buffer.alloc(70_000, 1), Buffer.alloc(0)]) {
    t.ok(golden(content).equals(encodeFrame(inside(content))), `${content.length} bytes`);
  }
  t.equal(Buffer.from(encodeFrame(Buffer.from("hi"))).toString("hex"), "000000026869");
});

for (const [kind, from] of KINDS) {
  t.test(`frames come out of ${kind} whole, wherever the stream is cut`, async (t) => {
    const bytes = inside(from(stream));
    t.same(split([bytes]), expected);
    const wrong: unknown[] = [];
    for (let at = 0; at <= stream.length; at++) {
      const frames = split([bytes.subarray(0, at), bytes.subarray(at)]);
      if (frames.join() !== expected.join()) wrong.push({ at, frames });
    }
    t.same(wrong, []);
  });

  t.test(`frames come out of ${kind} when each comes a byte at a time`, async (t) => {
    t.same(split(Array.from(stream, (byte) => from([byte]))), expected);
  });

  t.test(`frames come out of ${kind} however it is cut into chunks, empty ones included`, async (t) => {
    const cuts = fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 30 });
    fc.assert(
      fc.property(cuts, (at) => {
        const bounds = [0, ...at.sort((a, b) => a - b), stream.length];
        const chunks = bounds.slice(1).map((end, i) => from(stream.subarray(bounds[i], end)));
        return split(chunks).join() === expected.join();
      }),
    );
    t.pass("as many as the stream holds, in its order");
  });

  t.test(`what is kept of ${kind} is a copy, and of the same kind`, async (t) => {
    const splitter = new FrameSplitter(1000);
    const frame = golden(Buffer.from("kept for long"));
    const frames: Uint8Array[] = [];
    for (const part of [frame.subarray(0, 9), frame.subarray(9)]) {
      const chunk = from(part);
      splitter.push(chunk, (content) => frames.push(content));
      if (frames.length === 0) chunk.fill(0);
    }
    t.equal(frames.map((content) => Buffer.from(content).toString()).join(), "kept for long");
    t.equal(frames[0]?.constructor, from([]).constructor);
  });
}

t.test("a frame that lies whole in a chunk is a view on it", async (t) => {
  const chunk = Buffer.concat([golden(Buffer.from("one")), golden(Buffer.from("two"))]);
  const offsets: number[] = [];
  new FrameSplitter(10).push(chunk, (content) => {
    t.equal(content.buffer, chunk.buffer);
    offsets.push(content.byteOffset - chunk.byteOffset);
  });
  t.same(offsets, [4, 11]);
});

t.test("how many bytes of an unfinished frame are kept is told", async (t) => {
  const splitter = new FrameSplitter(100);
  const frame = golden(Buffer.alloc(20));
  const kept = Array.from(frame, (_, i) => {
    splitter.push(frame.subarray(i, i + 1), () => undefined);
    return splitter.bufferedBytes;
  });
  t.same(kept, [...Array.from({ length: 23 }, (_, i) => i + 1), 0]);
  splitter.push(Buffer.concat([frame, frame, frame.subarray(0, 7)]), () => undefined);
  t.equal(splitter.bufferedBytes, 7);
});

t.test("a frame as large as the cap passes, one byte more is refused", async (t) => {
  t.same(split([golden(Buffer.alloc(64, 7))], 64), ["07".repeat(64)]);
  for (const length of [65, 1 << 20, 0x7fffffff, 0x80000000, 0xffffffff]) {
    t.throws(() => split([announcing(length)], 64), { code: "badFrame", message: new RegExp(` ${length} `) });
  }
});

t.test("an announced length that is too large is refused before anything is kept for it", async (t) => {
  const length = announcing(65);
  for (let at = 1; at <= 4; at++) {
    const splitter = new FrameSplitter(64);
    splitter.push(length.subarray(0, at - 1), () => t.fail("no frame is whole"));
    const rest = Buffer.concat([length.subarray(at - 1), Buffer.alloc(65)]);
    t.throws(() => splitter.push(rest, () => t.fail("no frame is whole")), { code: "badFrame" });
    t.ok(splitter.bufferedBytes <= 4, `cut before byte ${at}: ${splitter.bufferedBytes} bytes kept`);
  }
});

t.test("an empty frame is refused, in one piece and in four", async (t) => {
  t.throws(() => split([announcing(0)]), { code: "badFrame", message: /empty/ });
  t.throws(() => split(Array.from(announcing(0), (byte) => Buffer.from([byte]))), { code: "badFrame" });
});

t.test("frames before a bad one are handed out", async (t) => {
  const seen: string[] = [];
  const chunk = Buffer.concat([golden(Buffer.from("good")), announcing(0), golden(Buffer.from("behind"))]);
  t.throws(() => new FrameSplitter(10).push(chunk, (content) => seen.push(Buffer.from(content).toString())), {
    code: "badFrame",
  });
  t.same(seen, ["good"]);
});

/** Counts what a splitter allocates: it asks the chunk's own kind for memory. */
class Counted extends Uint8Array {
  static allocations: number[] = [];

  static allocUnsafeSlow(length: number): Counted {
    Counted.allocations.push(length);
    return new Counted(length);
  }
}

t.test(
  "a large frame that trickles in a byte at a time is copied about twice, not once for each byte",
  async (t) => {
    Counted.allocations = [];
    const length = 256 * 1024;
    const frame = Counted.from(golden(Buffer.alloc(length, 0x5a)));
    const splitter = new FrameSplitter(length);
    const frames: Uint8Array[] = [];
    for (let i = 0; i < frame.length; i++) {
      splitter.push(frame.subarray(i, i + 1), (content) => frames.push(content));
    }
    t.equal(frames.length, 1);
    t.ok(frames[0]?.every((byte) => byte === 0x5a) && frames[0].length === length);
    const allocated = Counted.allocations.reduce((sum, bytes) => sum + bytes, 0);
    t.ok(allocated <= 3 * frame.length, `${allocated} bytes allocated for ${frame.length}`);
    t.ok(Counted.allocations.length <= 20, `in ${Counted.allocations.length} pieces`);
  },
);

t.test("what is allocated follows what has come, not what was announced", async (t) => {
  Counted.allocations = [];
  const splitter = new FrameSplitter(1 << 30);
  splitter.push(Counted.from([...announcing(1 << 30), 1, 2, 3]), () => t.fail("no frame is whole"));
  splitter.push(new Counted(10_000), () => t.fail("no frame is whole"));
  t.equal(splitter.bufferedBytes, 10_007);
  t.ok(Math.max(...Counted.allocations) <= 2 * 10_007, `${Counted.allocations.join()} bytes allocated`);
});

t.test("garbage gives frames or an error, and never keeps more than it was given", async (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }), (chunks) => {
      const splitter = new FrameSplitter(1000);
      let given = 0;
      try {
        for (const chunk of chunks) {
          given += chunk.length;
          splitter.push(chunk, (content) => {
            given -= 4 + content.length;
          });
          if (splitter.bufferedBytes !== given) return false;
        }
      } catch (error) {
        return (error as { code?: unknown }).code === "badFrame";
      }
      return true;
    }),
  );
  t.pass("whatever it was");
});

t.test("the cap is another one from the next frame on", (t) => {
  const splitter = new FrameSplitter(4);
  const seen: string[] = [];
  const take = (content: Uint8Array): void => void seen.push(Buffer.from(content).toString());
  const two = Buffer.concat([encodeFrame(Buffer.from("four")), encodeFrame(Buffer.from("sixsix"))]);
  splitter.push(two, (content) => {
    take(content);
    splitter.allow(6);
  });
  t.same(seen, ["four", "sixsix"], "also behind the frame that raised it, in one chunk");
  t.throws(() => splitter.push(encodeFrame(Buffer.from("seven77")), take), { code: "badFrame" });
  t.end();
});
