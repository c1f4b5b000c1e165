import t from "tap";
import {
  archiveReplies,
  MAX_BLANK_SPAN,
  MAX_ENTRIES,
  MAX_ENTRY_BYTES,
} from "../../../src/protocol/archive.js";
import { entries, entry, tag } from "../../store/archive-contract.js";
import { ArchiveRoom, until, type ReplyOf } from "./archive-room.js";

const counters = ({ entries: page, more }: ReplyOf<"page">) =>
  page.map(({ counter }) => counter).join(" ") + (more ? " …" : "");

t.test("entries are appended in order, and a tag that is there is answered as had", async (t) => {
  const room = new ArchiveRoom();
  const { client } = await room.opened();
  const first = await client.ask({ type: "append", entries: [entry("a"), entry("b")] }, "appended");
  t.same(first.results, [
    { counter: 1, had: false },
    { counter: 2, had: false },
  ]);
  const second = await client.ask(
    { type: "append", entries: [entry("c"), entry("b"), entry("c"), entry("d")] },
    "appended",
  );
  t.same(second.results, [
    { counter: 3, had: false },
    { counter: 2, had: true },
    { counter: 3, had: true },
    { counter: 4, had: false },
  ]);
});

t.test("appends sent one behind the other keep their order", async (t) => {
  const room = new ArchiveRoom();
  const { client } = await room.opened();
  const sent = Array.from({ length: 50 }, (_, index) =>
    client.ask({ type: "append", entries: [entry(`${index}`)] }, "appended"),
  );
  const results = (await Promise.all(sent)).flatMap((reply) => reply.results);
  t.same(
    results.map(({ counter }) => counter),
    Array.from({ length: 50 }, (_, index) => index + 1),
  );
});

t.test("two devices of one archive write into one order, and each tag once", async (t) => {
  const room = new ArchiveRoom();
  const { client: one, archive, token } = await room.opened();
  const two = room.connect();
  await two.ask({ type: "open", archive, token }, "opened");
  const replies = await Promise.all([
    one.ask({ type: "append", entries: [entry("both"), entry("one's")] }, "appended"),
    two.ask({ type: "append", entries: [entry("two's"), entry("both")] }, "appended"),
  ]);
  const added = replies.flatMap(({ results }) => results).filter(({ had }) => !had);
  t.same(added.map(({ counter }) => counter).sort(), [1, 2, 3]);
});

t.test("history is read backwards and forward, whole and by chat", async (t) => {
  const room = new ArchiveRoom();
  const { client } = await room.opened();
  const chats = ["red", "blue", "red", "red", "blue"];
  const given = chats.map((chat, index) => entry(`${index}`, chat));
  await client.ask({ type: "append", entries: given }, "appended");

  t.equal(counters(await client.ask({ type: "before", limit: 3 }, "page")), "5 4 3 …");
  t.equal(counters(await client.ask({ type: "before", before: 3, limit: 3 }, "page")), "2 1");
  t.equal(counters(await client.ask({ type: "before", before: 1, limit: 3 }, "page")), "");
  t.equal(counters(await client.ask({ type: "after", after: 0, limit: 3 }, "page")), "1 2 3 …");
  t.equal(counters(await client.ask({ type: "after", after: 3, limit: 3 }, "page")), "4 5");
  t.equal(counters(await client.ask({ type: "after", after: 5, limit: 3 }, "page")), "");
  const red = tag("red");
  t.equal(counters(await client.ask({ type: "before", chat: red, limit: 2 }, "page")), "4 3 …");
  t.equal(counters(await client.ask({ type: "before", chat: red, before: 3, limit: 2 }, "page")), "1");
  t.equal(counters(await client.ask({ type: "after", chat: red, after: 1, limit: 9 }, "page")), "3 4");

  const { entries: page } = await client.ask({ type: "before", limit: 1 }, "page");
  t.same([...(page[0]?.chat ?? [])], [...tag("blue")]);
  t.same([...(page[0]?.entry ?? [])], [...tag("4")]);
  t.same([...(page[0]?.sealed ?? [])], [...(given[4]?.sealed ?? [])]);
});

t.test("one entry is found by its tag, or none", async (t) => {
  const room = new ArchiveRoom();
  const { client } = await room.opened();
  await client.ask({ type: "append", entries: entries(3) }, "appended");
  t.equal(counters(await client.ask({ type: "find", entry: tag("2") }, "page")), "2");
  t.equal(counters(await client.ask({ type: "find", entry: tag("4") }, "page")), "");
});

t.test("an archive shows nothing of another", async (t) => {
  const room = new ArchiveRoom();
  const [one, other] = [await room.opened(), await room.opened()];
  await one.client.ask({ type: "append", entries: entries(3) }, "appended");
  t.equal(counters(await other.client.ask({ type: "before", limit: 9 }, "page")), "");
  t.equal(counters(await other.client.ask({ type: "after", after: 0, limit: 9 }, "page")), "");
  t.equal(counters(await other.client.ask({ type: "find", entry: tag("2") }, "page")), "");
  const same = await other.client.ask({ type: "append", entries: [entry("2")] }, "appended");
  t.same(same.results, [{ counter: 1, had: false }]);
});

t.test("a page of large entries fits into a frame and says that there is more", async (t) => {
  const limits = { archiveFrameBytes: 1024 * 1024, socketBufferBytes: 1024 * 1024 };
  const room = new ArchiveRoom({ limits });
  const { client } = await room.opened();
  for (const name of ["a", "b", "c"]) {
    await client.ask({ type: "append", entries: [entry(name, "chat", MAX_ENTRY_BYTES)] }, "appended");
  }
  await client.ask({ type: "append", entries: [entry("d", "chat", 400_000)] }, "appended");
  const page = await client.ask({ type: "before", limit: 10 }, "page");
  t.equal(counters(page), "4 3 …");
  t.ok(archiveReplies.encode(page).length <= limits.archiveFrameBytes);
  t.equal(counters(await client.ask({ type: "before", before: 3, limit: 10 }, "page")), "2 …");
});

t.test("a page of many small entries fits into a frame", async (t) => {
  const limits = { archiveFrameBytes: 64 * 1024 };
  const room = new ArchiveRoom({ limits });
  const { client } = await room.opened();
  for (let turn = 0; turn < 2; turn++) {
    const many = Array.from({ length: MAX_ENTRIES }, (_, index) => entry(`${turn} ${index}`, "chat", 1));
    await client.ask({ type: "append", entries: many }, "appended");
  }
  const page = await client.ask({ type: "after", after: 0, limit: MAX_ENTRIES }, "page");
  t.ok(page.more);
  t.ok(archiveReplies.encode(page).length <= limits.archiveFrameBytes);
  t.ok(page.entries.length > 400, `${page.entries.length} entries use the room there is`);
});

t.test("entries are blanked a bounded number at a time, and for good", async (t) => {
  const room = new ArchiveRoom();
  const { client } = await room.opened();
  await client.ask({ type: "append", entries: [entry("1", "red"), entry("2", "blue")] }, "appended");
  const blank = (from: number, to: number) =>
    client.ask({ type: "blank", chat: tag("red"), from, to }, "blanked");
  for (const [from, to] of [
    [0, 1],
    [2, 1],
    [1, MAX_BLANK_SPAN + 1],
  ] as const) {
    t.equal(await client.failure({ type: "blank", chat: tag("red"), from, to }), "badRequest");
  }
  t.equal((await blank(1, MAX_BLANK_SPAN)).count, 1);
  t.equal((await blank(1, 1)).count, 0);
  t.equal(counters(await client.ask({ type: "before", limit: 9 }, "page")), "2");
});

t.test("an archive that is full refuses, and has nothing half-written", async (t) => {
  const room = new ArchiveRoom({ limits: { archiveEntriesPerArchive: 3 } });
  const { client } = await room.opened();
  await client.ask({ type: "append", entries: entries(2) }, "appended");
  t.equal(await client.failure({ type: "append", entries: [entry("3"), entry("4")] }), "quotaExceeded");
  t.equal(counters(await client.ask({ type: "before", limit: 9 }, "page")), "2 1");
  const last = await client.ask({ type: "append", entries: [entry("3")] }, "appended");
  t.same(last.results, [{ counter: 3, had: false }]);
});

t.test("a peer that says nothing is closed, and one that pings is not", async (t) => {
  const room = new ArchiveRoom();
  const [silent, lively] = [await room.opened(), await room.opened()];
  room.clock.advance(room.timeouts.idleMs - 1);
  await lively.client.ask({ type: "ping" }, "pong");
  room.clock.advance(1);
  t.equal(await silent.client.closed, undefined);
  await lively.client.ask({ type: "ping" }, "pong");
  t.equal(room.server.connections, 1);
  room.clock.advance(room.timeouts.idleMs);
  await lively.client.closed;
});

t.test("an archive that slept does not hold its own sleep against its peers", async (t) => {
  const room = new ArchiveRoom();
  const { client } = await room.opened();
  room.clock.sleep(3_600_000);
  await client.ask({ type: "ping" }, "pong");
  room.clock.advance(room.timeouts.idleMs);
  t.equal(await client.closed, undefined, "but who stays silent then is closed");
});

t.test("a client that does not read what it asked for is not read from, until it does", async (t) => {
  const room = new ArchiveRoom({ limits: { socketBufferBytes: 64 * 1024 } });
  const { client } = await room.opened();
  await client.ask({ type: "append", entries: [entry("large", "chat", 60_000)] }, "appended");
  client.end.pause();
  const pages = Array.from({ length: 20 }, () => client.ask({ type: "before", limit: 1 }, "page"));
  await until(() => client.serverEnd.paused);
  t.ok(client.serverEnd.queuedBytes < 3 * 64 * 1024, "two pages wait, not twenty");
  client.end.resume();
  t.same((await Promise.all(pages)).map(counters), Array<string>(20).fill("1"));
  t.notOk(client.serverEnd.paused);
});

t.test("one that never reads on is closed after the time of silence", async (t) => {
  const room = new ArchiveRoom({ limits: { socketBufferBytes: 64 * 1024 } });
  const { client } = await room.opened();
  await client.ask({ type: "append", entries: [entry("large", "chat", 60_000)] }, "appended");
  client.end.pause();
  for (let page = 0; page < 5; page++) void client.request({ type: "before", limit: 1 });
  await until(() => client.serverEnd.paused);
  room.clock.advance(room.timeouts.idleMs);
  room.clock.advance(room.timeouts.helloMs);
  await until(() => room.server.connections === 0);
  t.ok(client.serverEnd.closed);
});

t.test("the log says nothing of who a client is or what it stores", async (t) => {
  const room = new ArchiveRoom();
  const { client, archive } = await room.opened();
  await client.ask({ type: "append", entries: entries(3) }, "appended");
  client.end.send(Buffer.from([1, 0xc1]));
  await client.closed;
  t.ok(room.log.length > 0);
  t.notMatch(JSON.stringify(room.log), archive);
});
