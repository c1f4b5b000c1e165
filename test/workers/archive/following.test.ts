/** What several devices of one archive learn of each other: PROTOCOL.md, "Archive". */
import t from "tap";
import { entry, tag } from "../../store/archive-contract.js";
import { ArchiveRoom, until, type ArchiveClient, type ReplyOf } from "./archive-room.js";

const sealed = Buffer.from("sealed");

/** Two devices of one archive. */
async function devices(room: ArchiveRoom): Promise<{ one: ArchiveClient; two: ArchiveClient }> {
  const { client: one, archive, token } = await room.opened();
  const two = room.connect();
  await two.ask({ type: "open", archive, token }, "opened");
  return { one, two };
}

const told = ({ entries, chats, more }: ReplyOf<"news">) =>
  `${entries.map(({ counter }) => counter).join(" ")}|${chats.map(({ version }) => version).join(" ")}${more ? " …" : ""}`;

function follow(client: ArchiveClient, after = 0, revision = 0, limit = 10): Promise<ReplyOf<"news">> {
  return client.ask({ type: "follow", after, revision, limit }, "news");
}

t.test("what stands there already is told at once", async (t) => {
  const { one, two } = await devices(new ArchiveRoom());
  await one.ask({ type: "append", entries: [entry("1"), entry("2"), entry("3")] }, "appended");
  t.equal(told(await follow(two)), "1 2 3|");
  t.equal(told(await follow(two, 2)), "3|");
  t.equal(told(await follow(two, 0, 0, 2)), "1 2| …");
});

t.test("what another device adds is told when it is committed; what this one adds is not", async (t) => {
  const room = new ArchiveRoom();
  const { one, two } = await devices(room);
  let news: ReplyOf<"news"> | null = null;
  void follow(two).then((reply) => {
    news = reply;
  });
  await two.ask({ type: "append", entries: [entry("own")] }, "appended");
  await two.ask({ type: "ping" }, "pong");
  t.equal(news, null, "it knows of its own");
  await one.ask({ type: "append", entries: [entry("own")] }, "appended");
  await two.ask({ type: "ping" }, "pong");
  t.equal(news, null, "what was had is nothing new");
  await one.ask({ type: "append", entries: [entry("other's")] }, "appended");
  await until(() => news !== null);
  t.equal(news && told(news), "1 2|", "all above the counter that it named");
});

t.test("a note on a chat is told like an entry", async (t) => {
  const room = new ArchiveRoom();
  const { one, two } = await devices(room);
  await one.ask({ type: "append", entries: [entry("1", "red")] }, "appended");
  const news = follow(two, 1);
  const set = await one.ask({ type: "setChat", chat: tag("red"), version: 0, note: sealed }, "chatSet");
  t.equal(set.written, true);
  t.equal(told(await news), "|1");
  const late = await two.ask({ type: "setChat", chat: tag("red"), version: 0, note: sealed }, "chatSet");
  t.match(late, { written: false, chat: { version: 1, newest: 1 } });
  t.equal(await two.failure({ type: "setChat", chat: tag("blue"), version: 0, note: sealed }), "badRequest");
});

t.test("an archive's devices hear of their own archive only", async (t) => {
  const room = new ArchiveRoom();
  const { two } = await devices(room);
  const stranger = await room.opened();
  let heard = false;
  void follow(two).then(() => {
    heard = true;
  });
  await stranger.client.ask({ type: "append", entries: [entry("1")] }, "appended");
  await two.ask({ type: "ping" }, "pong");
  t.notOk(heard);
});

t.test("whoever waits hears after a while that there is nothing, and may go on asking", async (t) => {
  const room = new ArchiveRoom({ timeouts: { idleMs: 100_000 } });
  const { one, two } = await devices(room);
  const news = follow(two);
  // Its time begins with its request.
  await two.ask({ type: "ping" }, "pong");
  room.clock.advance(15_000);
  t.equal(told(await news), "|");
  const again = follow(two);
  await one.ask({ type: "append", entries: [entry("1")] }, "appended");
  t.equal(told(await again), "1|");
});

t.test("a connection waits once at a time, and what it asks meanwhile is answered", async (t) => {
  const room = new ArchiveRoom();
  const { one, two } = await devices(room);
  const first = follow(two);
  t.equal(await two.failure({ type: "follow", after: 0, revision: 0, limit: 1 }), "conflict");
  t.equal((await two.ask({ type: "before", limit: 5 }, "page")).entries.length, 0);
  await one.ask({ type: "append", entries: [entry("1")] }, "appended");
  t.equal(told(await first), "1|", "the first goes on");
});

t.test("stopping and leaving end the waiting", async (t) => {
  const room = new ArchiveRoom();
  const { one, two } = await devices(room);
  void follow(one);
  const news = follow(two);
  await two.ask({ type: "ping" }, "pong");
  one.end.destroy();
  await one.closed;
  await room.server.stop();
  t.equal(told(await news), "|");
  t.equal(room.server.connections, 0);
});

t.test("chats, digests and the checkpoint are read and written", async (t) => {
  const { client } = await new ArchiveRoom().opened();
  await client.ask({ type: "append", entries: [entry("1", "red"), entry("2", "blue")] }, "appended");
  const { chats, latest, more } = await client.ask({ type: "chats", limit: 1 }, "chatPage");
  t.match(chats, [{ newest: 2, version: 0, revision: 0 }]);
  t.notOk("note" in (chats[0] ?? {}));
  t.match([latest.length, more], [1, true]);
  t.match((await client.ask({ type: "chats", before: 2, limit: 9 }, "chatPage")).chats, [{ newest: 1 }]);
  const digests = await client.ask({ type: "digests", after: 1, limit: 9 }, "digestPage");
  t.same(
    digests.digests.map((one) => [...one.entry]),
    [[...tag("2")]],
  );
  const none = await client.ask({ type: "checkpoint" }, "checkpointState");
  t.match(none, { version: 0, written: false });
  t.notOk("sealed" in none);
  const replace = { version: 0, sealed };
  t.match(await client.ask({ type: "checkpoint", replace }, "checkpointState"), {
    version: 1,
    written: true,
  });
  t.match(await client.ask({ type: "checkpoint", replace }, "checkpointState"), {
    version: 1,
    written: false,
  });
});
