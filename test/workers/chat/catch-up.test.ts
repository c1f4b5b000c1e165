/** PROTOCOL.md, "Views and homes": what waits is read to the sessions, as far as there is room on the way to them. */
import t from "tap";
import type { ConversationId, MessageId } from "../../../src/protocol/ids.js";
import type { StoredDelivery } from "../../../src/store/deliveries.js";
import { CatchUp } from "../../../src/workers/chat/catch-up.js";
import { account } from "./cluster.js";

const ROWS = 6;

function row(position: number): StoredDelivery {
  return {
    position,
    recipient: account("bob"),
    sender: account("alice"),
    message: position.toString(16).padStart(32, "0") as MessageId,
    conversation: "c".repeat(64) as ConversationId,
    epoch: 0,
    key: Uint8Array.of(1),
    content: Uint8Array.of(position),
  };
}

t.test("a link that fills while rows are read takes no more of them, and none is left out", async (t) => {
  let delivered = 0;
  let most = 2;
  const reads: number[] = [];
  let ended: () => void = () => {};
  const end = new Promise<void>((resolve) => (ended = resolve));
  const catchUp = new CatchUp(account("bob"), {
    read: async (position, limit) => {
      reads.push(position);
      return Array.from({ length: ROWS }, (_, index) => row(index + 1))
        .filter((one) => one.position > position)
        .slice(0, limit);
    },
    full: () => delivered === most,
    isWriting: () => false,
    deliver: () => void delivered++,
    onEnd: ended,
    window: 100,
    windowBytes: 1_000_000,
  });
  catchUp.startOver();
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  t.equal(delivered, 2);
  t.equal(catchUp.unacknowledged, 2);
  catchUp.readOn();
  t.same(reads, [0], "nothing is read while it is full");
  most = Infinity;
  catchUp.readOn();
  await end;
  t.equal(delivered, ROWS);
  t.same(reads, [0, 2, ROWS]);
});
