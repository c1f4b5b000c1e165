import t from "tap";
import { keepFrame, restoreFrame } from "../../../src/workers/chat/kept-frame.js";

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, value) => value));

t.test("a frame comes back as it was, whatever its bytes", async (t) => {
  for (const frame of [everyByte, new Uint8Array(everyByte), Buffer.alloc(0), Buffer.alloc(100_000, 0xff)]) {
    const kept = keepFrame(frame);
    t.equal(kept.length, frame.length, "a character a byte: its length is the frame's");
    t.ok(restoreFrame(kept).equals(frame));
  }
});

t.test("of a view only the view is kept, and it lives on when its memory changes", async (t) => {
  for (const around of [Buffer.concat([everyByte, everyByte]), new Uint8Array(512).fill(7)]) {
    const view = around.subarray(100, 200);
    const before = Buffer.from(view);
    const kept = keepFrame(view);
    around.fill(0);
    t.ok(restoreFrame(kept).equals(before));
  }
});

t.test("what is restored is the taker's: changing it changes nothing that is kept", async (t) => {
  const kept = keepFrame(everyByte);
  restoreFrame(kept).fill(0);
  t.ok(restoreFrame(kept).equals(everyByte));
});

t.test("a part of what is kept is that part of the frame", async (t) => {
  t.same(Buffer.from(keepFrame(everyByte).slice(128, 200), "latin1"), everyByte.subarray(128, 200));
});
