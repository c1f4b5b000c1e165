/** Frames that come twice or later are whole and in their order. */
import t from "tap";
import { FaultyTransport, type FrameFaults } from "../../../bench/faults/faulty-transport.js";
import { Kind } from "../../../src/protocol/hot.js";
import type { FrameChannel, FrameHandlers } from "../../../src/protocol/runtime.js";

const frame = (kind: number, number: number): Uint8Array => Uint8Array.of(kind, number);
const numbers = (frames: readonly Uint8Array[]): number[] => frames.map((content) => content[1] ?? -1);

/** A channel through a faulty transport, what left it, what came, and the way in. */
async function channel(faults: FrameFaults) {
  const left: Uint8Array[] = [];
  const came: Uint8Array[] = [];
  let inside: FrameHandlers | null = null;
  let open = true;
  const inner: FrameChannel = {
    send: (content) => open && left.push(new Uint8Array(content)) > 0,
    queuedBytes: 0,
    congested: false,
    admit() {},
    pause() {},
    resume() {},
    close() {
      open = false;
    },
    destroy() {
      open = false;
    },
  };
  const transport = new FaultyTransport(
    {
      async connect(endpoint, handlers) {
        t.same(endpoint, { host: "gate", port: 2 });
        inside = handlers;
        return inner;
      },
    },
    faults,
    async () => ({ host: "gate", port: 2 }),
  );
  const outer = await transport.connect(
    { host: "server", port: 1 },
    { onFrame: (content) => came.push(new Uint8Array(content)), onDrain() {}, onClose() {} },
  );
  if (inside === null) throw new Error("nobody connected");
  const handlers: FrameHandlers = inside;
  return { outer, handlers, left, came };
}

t.test("without faults frames pass at once, and a closed channel says so", async (t) => {
  const { outer, handlers, left, came } = await channel({ delayMs: 0, doubled: false });
  t.equal(outer.send(frame(Kind.send, 1)), true);
  handlers.onFrame(frame(Kind.deliver, 2));
  t.same([numbers(left), numbers(came)], [[1], [2]]);
  outer.close();
  t.equal(outer.send(frame(Kind.send, 3)), false);
});

t.test("messages, answers and acknowledgements come twice, control messages once", async (t) => {
  const { outer, handlers, left, came } = await channel({ delayMs: 0, doubled: true });
  for (const kind of [Kind.send, Kind.ack, Kind.control]) outer.send(frame(kind, kind));
  for (const kind of [Kind.deliver, Kind.accepted, Kind.control]) handlers.onFrame(frame(kind, kind));
  t.same(numbers(left), [Kind.send, Kind.send, Kind.ack, Kind.ack, Kind.control]);
  t.same(numbers(came), [Kind.deliver, Kind.deliver, Kind.accepted, Kind.accepted, Kind.control]);
});

t.test("delayed frames keep their order, also when the delay ends between them", async (t) => {
  const faults: FrameFaults = { delayMs: 20, doubled: false };
  const { outer, handlers, left, came } = await channel(faults);
  const reused = frame(Kind.send, 1);
  outer.send(reused);
  reused[1] = 9;
  handlers.onFrame(frame(Kind.deliver, 1));
  t.equal(outer.queuedBytes, 2);
  faults.delayMs = 0;
  outer.send(frame(Kind.send, 2));
  handlers.onFrame(frame(Kind.deliver, 2));
  t.same([left, came], [[], []]);
  while (left.length < 2 || came.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  t.same(
    [numbers(left), numbers(came)],
    [
      [1, 2],
      [1, 2],
    ],
  );
  outer.send(frame(Kind.send, 3));
  t.same(numbers(left), [1, 2, 3]);
});

t.test(
  "closing sends what was delayed; a channel that closes lets go of what was on its way in",
  async (t) => {
    const { outer, handlers, left, came } = await channel({ delayMs: 60_000, doubled: false });
    outer.send(frame(Kind.send, 1));
    outer.close();
    t.same(numbers(left), [1]);
    handlers.onFrame(frame(Kind.deliver, 1));
    handlers.onClose();
    t.same(came, []);
  },
);
