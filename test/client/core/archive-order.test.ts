/** PROTOCOL.md, "Sending": own messages are archived in each conversation in the order of sending. */
import t from "tap";
import { ArchiveOrder, type OutboxItem } from "../../../src/client/core/archive-order.js";
import type { Appended, NewEntry } from "../../../src/client/core/archive.js";

function item(name: string, conversation: string, progress: OutboxItem["progress"]): OutboxItem {
  const entry = { chat: new Uint8Array(), entry: Buffer.from(name), sealed: new Uint8Array() };
  return { entry: { conversation, entry }, file: name, progress, pending: null } as unknown as OutboxItem;
}

function setUp() {
  const appended: string[] = [];
  const archive = {
    append: (entry: NewEntry): Promise<Appended> => {
      appended.push(Buffer.from(entry.entry).toString());
      return Promise.resolve({ counter: appended.length, had: false });
    },
  };
  const order = new ArchiveOrder(archive, () => undefined);
  return { order, appended };
}

t.test("what is accepted waits for what was sent before it", async (t) => {
  const { order, appended } = setUp();
  const [first, second, elsewhere] = [
    item("first", "a", "waiting"),
    item("second", "a", "accepted"),
    item("elsewhere", "b", "accepted"),
  ];
  for (const one of [first, second, elsewhere]) order.enter(one);
  order.advance([second, elsewhere]);
  t.strictSame(appended, ["elsewhere"]);
  first.progress = "accepted";
  order.advance([first]);
  t.strictSame(appended, ["elsewhere", "first", "second"]);
});

t.test(
  "whoever lets go of a message lets go of those behind it, which would overtake it otherwise",
  async (t) => {
    const { order, appended } = setUp();
    const [first, second] = [item("first", "a", "waiting"), item("second", "a", "accepted")];
    for (const one of [first, second]) order.enter(one);
    t.strictSame(order.clear(), [first, second]);
    t.ok(order.isEmpty);
    // As they stand on disk, in their order.
    for (const one of [first, second]) order.enter(one);
    order.advance([first, second]);
    t.strictSame(appended, []);
    first.progress = "accepted";
    order.advance([first]);
    t.strictSame(appended, ["first", "second"]);
  },
);
