/** The laboratory's messages: what servers see of them is as clients make it. */
import t from "tap";
import { version } from "uuid";
import { MessageMaker, markOf, numberOf } from "../../../bench/service/message.js";
import { decodeSend, frameMessage } from "../../../src/protocol/hot.js";
import type { AccountId } from "../../../src/protocol/ids.js";

const [ada, ben] = ["a".repeat(32) as AccountId, "b".repeat(32) as AccountId];

t.test("ids are UUIDs of version 7 that grow, however many are made at once", async (t) => {
  const messages = new MessageMaker(ada, 64);
  const ids = Array.from({ length: 10_000 }, (_, i) => frameMessage(messages.next(ben, i)));
  t.same(ids, [...ids].sort());
  t.equal(new Set(ids).size, ids.length);
  const [id = ""] = ids;
  t.equal(version(id.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5")), 7);
});

t.test("recipient, number and mark stand where they are read", async (t) => {
  const frame = new MessageMaker(ada, 64).next(ben, 123_456_789, 0xbeef);
  const { account, keys, envelope } = decodeSend(frame);
  t.equal(account, ada);
  t.equal(keys[0]?.recipient, ben);
  t.equal(envelope.length, 64);
  t.equal(numberOf(envelope), 123_456_789);
  t.equal(markOf(frame), 0xbeef);
});
