import t from "tap";
import type { MemoryArchive } from "../../../bench/simulation/memory-archive.js";
import { toHex } from "../../../src/protocol/bytes.js";
import type { ArchiveStore } from "../../../src/store/archive.js";
import { StoreError } from "../../../src/store/database.js";
import { entries, entry, tag } from "../../store/archive-contract.js";
import { ArchiveRoom, until } from "./archive-room.js";

/** A gate for the store, shut until it is opened. */
function gate(): { shut: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const shut = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { shut, open };
}

t.test("what many clients append during one commit makes one transaction", async (t) => {
  const room = new ArchiveRoom();
  const clients = await Promise.all(Array.from({ length: 30 }, () => room.opened()));
  const { shut, open } = gate();
  room.memory.gate = shut;
  const [first, ...others] = clients.map(({ client }) => client);
  const one = first?.ask({ type: "append", entries: [entry("a")] }, "appended");
  await until(() => room.memory.appendCalls === 1);
  const rest = others.map((client) => client.ask({ type: "append", entries: [entry("a")] }, "appended"));
  await until(() => others.every(({ end }) => end.queuedBytes === 0));
  room.memory.gate = null;
  open();
  await Promise.all([one, ...rest]);
  t.same(room.memory.commits, [1, 29]);
});

t.test("a transaction holds so many entries and bytes, and no append is split", async (t) => {
  const limits = { writeBatchRows: 5, writeBatchBytes: 10_000 };
  const room = new ArchiveRoom({ limits });
  const { client } = await room.opened();
  const append = (count: number, sealedBytes: number, prefix: string) =>
    client.ask(
      {
        type: "append",
        entries: Array.from({ length: count }, (_, index) => entry(prefix + index, "chat", sealedBytes)),
      },
      "appended",
    );
  const { shut, open } = gate();
  room.memory.gate = shut;
  const all = [append(1, 10, "a")];
  await until(() => room.memory.appendCalls === 1);
  all.push(append(2, 10, "b"), append(3, 10, "c"), append(1, 10, "d"), append(9, 10, "e"));
  all.push(append(1, 6_000, "f"), append(1, 6_000, "g"), append(1, 20_000, "h"));
  await until(() => client.end.queuedBytes === 0);
  room.memory.gate = null;
  open();
  await Promise.all(all);
  t.same(room.memory.commits, [1, 2, 1, 1, 1, 1, 1]);
});

t.test("nothing is answered before it is committed", async (t) => {
  const room = new ArchiveRoom();
  const { client } = await room.opened();
  const { shut, open } = gate();
  room.memory.gate = shut;
  const answered = client.ask({ type: "append", entries: [entry("a")] }, "appended");
  await until(() => room.memory.appendCalls === 1);
  await client.ask({ type: "ping" }, "pong");
  t.same(
    client.replies.map(({ type }) => type),
    ["opened", "pong"],
  );
  open();
  await answered;
  t.same(room.memory.commits, [1]);
});

t.test(
  "an append whose commit was not answered is repeated by the server, and stands there once",
  async (t) => {
    const room = new ArchiveRoom();
    const { client } = await room.opened();
    room.memory.fault = "lostAnswer";
    const reply = client.ask({ type: "append", entries: [entry("a"), entry("b")] }, "appended");
    await until(() => room.memory.commits.length === 1);
    room.memory.fault = "none";
    await until(() => room.log.some(({ level }) => level === "debug"));
    room.clock.advance(room.timeouts.restartMinMs);
    t.same((await reply).results, [
      { counter: 1, had: true },
      { counter: 2, had: true },
    ]);
    t.equal((await client.ask({ type: "before", limit: 9 }, "page")).entries.length, 2);
  },
);

t.test(
  "a client that lost its connection between commit and answer appends again and is told had",
  async (t) => {
    const room = new ArchiveRoom();
    const { client, archive, token } = await room.opened();
    const { shut, open } = gate();
    room.memory.gate = shut;
    void client.request({ type: "append", entries: [entry("a"), entry("b")] });
    await until(() => room.memory.appendCalls === 1);
    client.end.destroy();
    await client.closed;
    room.memory.gate = null;
    open();
    await until(() => room.memory.commits.length === 1);
    const again = room.connect();
    await again.ask({ type: "open", archive, token }, "opened");
    const reply = await again.ask(
      { type: "append", entries: [entry("a"), entry("b"), entry("c")] },
      "appended",
    );
    t.same(reply.results, [
      { counter: 1, had: true },
      { counter: 2, had: true },
      { counter: 3, had: false },
    ]);
  },
);

t.test("while the database is away appends wait, and are written in order when it is back", async (t) => {
  const room = new ArchiveRoom();
  const { client } = await room.opened();
  room.memory.fault = "away";
  const first = client.ask({ type: "append", entries: [entry("a")] }, "appended");
  await until(() => room.log.length === 1);
  const second = client.ask({ type: "append", entries: [entry("b")] }, "appended");
  for (let tries = 2; tries <= 5; tries++) {
    room.clock.advance(room.timeouts.restartMinMs * 2 ** (tries - 2));
    await until(() => room.log.length === tries);
  }
  t.equal(room.memory.appendCalls, 5, "the pause doubles");
  room.memory.fault = "none";
  room.clock.advance(room.timeouts.restartMaxMs);
  t.same((await first).results, [{ counter: 1, had: false }]);
  t.same((await second).results, [{ counter: 2, had: false }]);
});

t.test("while the database is away, what reads fails in its time and not before", async (t) => {
  const room = new ArchiveRoom();
  const { client, archive, token } = await room.opened();
  room.memory.fault = "away";
  const reading = client.request({ type: "before", limit: 1 });
  const finding = client.request({ type: "find", entry: tag("a") });
  await until(() => client.end.queuedBytes === 0);
  room.clock.advance(room.timeouts.databaseMs - 1);
  await client.ask({ type: "ping" }, "pong");
  t.equal(client.replies.length, 2);
  room.clock.advance(1);
  t.match(await reading, { type: "failed", code: "unavailable" });
  room.clock.advance(room.timeouts.databaseMs);
  t.match(await finding, { type: "failed", code: "unavailable" });
  room.memory.fault = "none";
  t.equal((await client.ask({ type: "before", limit: 1 }, "page")).entries.length, 0);
  await room.connect().ask({ type: "open", archive, token }, "opened");
});

t.test("a short absence of the database is not noticed by those who read or open", async (t) => {
  const room = new ArchiveRoom();
  const { client, archive, token } = await room.opened();
  await client.ask({ type: "append", entries: entries(2) }, "appended");
  room.memory.fault = "away";
  const reading = client.ask({ type: "before", limit: 9 }, "page");
  const opener = room.connect();
  const opening = opener.ask({ type: "open", archive, token }, "opened");
  await until(() => client.end.queuedBytes === 0 && opener.end.queuedBytes === 0);
  room.memory.fault = "none";
  room.clock.advance(room.timeouts.restartMinMs);
  t.equal((await reading).entries.length, 2);
  t.equal((await opening).counter, 2);
});

t.test("what a client is told of a failure is nothing of the database's words", async (t) => {
  const room = new ArchiveRoom();
  const { client } = await room.opened();
  room.memory.fault = "refused";
  const reply = await client.ask({ type: "before", limit: 1 }, "failed");
  t.equal(reply.code, "internal");
  t.notMatch(reply.message, "refuses this");
  t.ok(
    room.log.some(({ level }) => level === "error"),
    "the operator is told more",
  );
});

t.test("the appends of a client that went away are not tried again", async (t) => {
  const room = new ArchiveRoom();
  const [gone, there] = [await room.opened(), await room.opened()];
  room.memory.fault = "away";
  void gone.client.request({ type: "append", entries: [entry("a")] });
  const reply = there.client.ask({ type: "append", entries: [entry("a")] }, "appended");
  await until(() => room.log.length === 1);
  gone.client.end.destroy();
  await until(() => room.server.connections === 1);
  room.memory.fault = "none";
  room.clock.advance(room.timeouts.restartMinMs);
  await reply;
  t.same(room.memory.commits, [1]);
  t.equal((await room.memory.find(gone.archive))?.counter, 0);
});

t.test("more than may wait is refused, and what waits is kept", async (t) => {
  const room = new ArchiveRoom({ limits: { writeBatchBytes: 1024 } });
  const { client } = await room.opened();
  room.memory.fault = "away";
  // Sixteen batches of 1024 bytes may wait; an entry costs 256 bytes besides what it seals.
  const waiting = Array.from({ length: 16 }, (_, index) =>
    client.request({ type: "append", entries: [entry(`${index}`, "chat", 1024 - 256)] }),
  );
  const refused = await client.request({ type: "append", entries: [entry("more", "chat", 1)] });
  t.match(refused, { type: "failed", code: "unavailable" });
  room.memory.fault = "none";
  await until(() => room.log.length === 1);
  room.clock.advance(room.timeouts.restartMinMs);
  t.same(
    (await Promise.all(waiting)).map(({ type }) => type),
    Array<string>(16).fill("appended"),
  );
  const later = await client.ask({ type: "append", entries: [entry("more", "chat", 1)] }, "appended");
  t.same(later.results, [{ counter: 17, had: false }]);
});

t.test("room that is held by clients who went away is given to those who are there", async (t) => {
  const room = new ArchiveRoom({ limits: { writeBatchBytes: 1024 } });
  const [gone, there] = [await room.opened(), await room.opened()];
  room.memory.fault = "away";
  for (let index = 0; index < 16; index++) {
    void gone.client.request({ type: "append", entries: [entry(`${index}`, "chat", 1024 - 256)] });
  }
  await until(() => gone.client.end.queuedBytes === 0);
  t.equal(await there.client.failure({ type: "append", entries: [entry("a")] }), "unavailable");
  gone.client.end.destroy();
  await until(() => room.server.connections === 1);
  const reply = there.client.ask({ type: "append", entries: [entry("a")] }, "appended");
  await until(() => there.client.end.queuedBytes === 0);
  room.memory.fault = "none";
  room.clock.advance(room.timeouts.restartMinMs);
  t.same((await reply).results, [{ counter: 1, had: false }]);
});

t.test("a connection has so much under way, and is then not read from", async (t) => {
  const room = new ArchiveRoom({ limits: { sendWindow: 4 } });
  const { client } = await room.opened();
  const { shut, open } = gate();
  room.memory.gate = shut;
  const all = Array.from({ length: 20 }, (_, index) =>
    client.ask({ type: "append", entries: [entry(`${index}`)] }, "appended"),
  );
  await until(() => client.serverEnd.paused);
  const last = client.ask({ type: "append", entries: [entry("last")] }, "appended");
  // It cannot be heard, and so is not taken for silent.
  room.clock.advance(room.timeouts.idleMs * 2);
  room.memory.gate = null;
  open();
  await Promise.all(all);
  t.same((await last).results, [{ counter: 21, had: false }]);
  t.notOk(client.serverEnd.paused);
});

t.test("an append that the database refuses takes none of the others with it", async (t) => {
  const poison = toHex(tag("poison"));
  const room = new ArchiveRoom({ around: (memory) => refusing(memory, poison) });
  const clients = await Promise.all(Array.from({ length: 9 }, () => room.opened()));
  const replies = await Promise.all(
    clients.map(({ client }, index) =>
      client.request({ type: "append", entries: [entry("a"), entry(index === 4 ? "poison" : "b")] }),
    ),
  );
  t.same(
    replies.map(({ type }) => type),
    clients.map((_, index) => (index === 4 ? "failed" : "appended")),
  );
  t.match(replies[4], { code: "internal" });
});

function refusing(memory: MemoryArchive, poison: string): ArchiveStore {
  const append = memory.append.bind(memory);
  memory.append = async (appends, maxEntries) => {
    if (appends.some(({ entries: given }) => given.some((one) => toHex(one.entry) === poison))) {
      throw new StoreError("rejected", "22000", undefined, "poison");
    }
    return append(appends, maxEntries);
  };
  return memory;
}

t.test("stopping answers what is being written, takes nothing more, and closes", async (t) => {
  const room = new ArchiveRoom();
  const { client } = await room.opened();
  const { shut, open } = gate();
  room.memory.gate = shut;
  const reply = client.ask({ type: "append", entries: [entry("a")] }, "appended");
  await until(() => room.memory.appendCalls === 1);
  const stopped = room.server.stop();
  void client.request({ type: "append", entries: [entry("b")] });
  open();
  t.same((await reply).results, [{ counter: 1, had: false }]);
  await stopped;
  await client.closed;
  t.equal(room.server.connections, 0);
  t.same(room.memory.commits, [1]);
  const late = room.connect();
  await late.closed;
});

t.test("stopping while the database is away gives up after its time, and says so", async (t) => {
  const room = new ArchiveRoom();
  const { client } = await room.opened();
  room.memory.fault = "away";
  const reply = client.request({ type: "append", entries: [entry("a")] });
  await until(() => room.log.length === 1);
  const stopped = room.server.stop();
  room.clock.advance(room.timeouts.stopMs / 4);
  t.match(await reply, { type: "failed", code: "unavailable" });
  await stopped;
  await client.closed;
  t.same(room.memory.commits, []);
});
