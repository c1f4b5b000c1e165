// Real clients on a real engine: what several connections do at once must look as if each had a session of its own.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import t from "tap";
import { serialize } from "./pg-protocol.js";
import type { Client, PoolClient } from "pg";
import { openDatabase, StoreError } from "../../../src/store/database.js";
import { summarize } from "../../../src/workers/database/backend.js";
import { SOCKET_NAME } from "../../../src/workers/database/listener.js";
import { VirtualClock } from "../../../bench/simulation/virtual-clock.js";
import { limits, runDatabase } from "./running-database.js";

const clock = new VirtualClock();
const running = await runDatabase(t, { clock });
const { directory } = running;
const setUp = await running.connect();
await setUp.query(`
  CREATE TABLE counted (id int PRIMARY KEY, n int NOT NULL);
  CREATE TABLE stored (id int PRIMARY KEY, owner int NOT NULL, content bytea);
`);

/** A connection that speaks the protocol itself, already greeted. */
async function rawConnection(): Promise<Socket> {
  const socket = connect(join(directory, SOCKET_NAME));
  socket.on("error", () => undefined);
  t.teardown(() => socket.destroy());
  socket.write(serialize.startup({ user: "postgres", database: "postgres" }));
  await readUntil(socket, ({ status }) => status !== null);
  return socket;
}

async function readUntil(
  socket: Socket,
  enough: (summary: ReturnType<typeof summarize>, bytes: Buffer) => boolean,
): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  while (!enough(wholeMessages(bytes), bytes)) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    bytes = Buffer.concat([bytes, chunk]);
  }
  return bytes;
}

function wholeMessages(bytes: Buffer): ReturnType<typeof summarize> {
  let end = 0;
  while (end + 5 <= bytes.length && end + 1 + bytes.readUInt32BE(end + 1) <= bytes.length) {
    end += 1 + bytes.readUInt32BE(end + 1);
  }
  return summarize(bytes.subarray(0, end));
}

function types(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 1 + bytes.readUInt32BE(at + 1)) {
    text += String.fromCharCode(bytes[at] as number);
  }
  return text;
}

function sqlState(error: unknown): string {
  return String((error as { code?: unknown }).code);
}

/** Fulfilled once the database no longer counts this many clients. */
async function untilClients(count: number): Promise<void> {
  while (running.database.clients !== count) await new Promise(setImmediate);
}

await t.test("twenty connections with fifty queries each get their own answers", async (t) => {
  const pool = running.pool(20);
  const clients = await Promise.all(Array.from({ length: 20 }, () => pool.connect()));
  const wrong: string[] = [];
  await Promise.all(
    clients.map(async (client, c) => {
      for (let q = 0; q < 50; q++) {
        const asked = `${c}/${q}`;
        const text = q % 3 === 0 ? `SELECT '${asked}' AS said` : "SELECT $1::text AS said";
        const named = q % 3 === 1 ? { name: "echo" } : {};
        const { rows } = await client.query<{ said: string }>({
          ...named,
          text,
          values: q % 3 === 0 ? [] : [asked],
        });
        if (rows[0]?.said !== asked) wrong.push(`${asked} got ${JSON.stringify(rows)}`);
      }
    }),
  );
  for (const client of clients) client.release();
  t.same(wrong, []);
});

await t.test("the same statement name means something else on every connection", async (t) => {
  const clients = await Promise.all([running.connect(), running.connect(), running.connect()]);
  const ask = async (client: Client, c: number): Promise<object | undefined> => {
    const { rows } = await client.query<object>({
      name: "mine",
      text: `SELECT ${c} AS c, $1::int AS v`,
      values: [c],
    });
    return rows[0];
  };
  for (const round of [1, 2]) {
    const answers = await Promise.all(clients.map(ask));
    t.same(
      answers,
      clients.map((_, c) => ({ c, v: c })),
      `round ${round}`,
    );
  }
});

await t.test("transactions of eight connections do not mix", async (t) => {
  const pool = running.pool(8);
  await pool.query("INSERT INTO counted VALUES (1, 0)");
  const increments = async (client: PoolClient, owner: number): Promise<void> => {
    for (let i = 0; i < 10; i++) {
      await client.query("BEGIN");
      const { rows } = await client.query<{ n: number }>("SELECT n FROM counted WHERE id = 1");
      await client.query("INSERT INTO stored VALUES ($1, $2, NULL)", [owner * 100 + i, owner]);
      await client.query("UPDATE counted SET n = $1 WHERE id = 1", [(rows[0]?.n ?? NaN) + 1]);
      await client.query(i % 5 === 4 ? "ROLLBACK" : "COMMIT");
    }
  };
  const clients = await Promise.all(Array.from({ length: 8 }, () => pool.connect()));
  await Promise.all(clients.map(increments));
  for (const client of clients) client.release();
  const { rows } = await pool.query<{ n: number; stored: number }>(
    "SELECT n, (SELECT count(*)::int FROM stored) AS stored FROM counted WHERE id = 1",
  );
  t.same(rows, [{ n: 64, stored: 64 }], "read, then write: nothing lost, and nothing rolled back is there");
  await pool.query("TRUNCATE stored; TRUNCATE counted");
});

await t.test("an error inside a transaction fails it for its own connection only", async (t) => {
  const [a, b] = [await running.connect(), await running.connect()];
  await a.query("BEGIN");
  await a.query("INSERT INTO counted VALUES (2, 0)");
  t.equal(await a.query("SELECT 1 / 0").catch(sqlState), "22012");
  t.equal(await a.query("SELECT 1").catch(sqlState), "25P02");
  const waiting = b.query("SELECT count(*)::int AS n FROM counted");
  await a.query("ROLLBACK");
  t.same((await waiting).rows, [{ n: 0 }]);
  t.same((await a.query("SELECT 1 AS one")).rows, [{ one: 1 }]);
});

await t.test("an error in an extended batch skips to its Sync", async (t) => {
  const socket = await rawConnection();
  socket.write(
    Buffer.concat([
      serialize.parse({ text: "SELECT 1 / $1::int" }),
      serialize.bind({ values: ["0"] }),
      serialize.execute({}),
      serialize.parse({ name: "skipped", text: "SELECT 2" }),
      serialize.sync(),
      serialize.query("SELECT 3"),
    ]),
  );
  const answer = await readUntil(socket, (_, bytes) => types(bytes).endsWith("TDCZ"));
  t.equal(types(answer), "1EZTDCZ", "one error, one readiness, and the next query runs");
  socket.write(Buffer.concat([serialize.bind({ statement: "skipped" }), serialize.sync()]));
  t.equal(summarize(await readUntil(socket, ({ status }) => status !== null)).error?.code, "26000");
});

await t.test("Flush brings the answers so far, and the others wait for the Sync", async (t) => {
  const socket = await rawConnection();
  socket.write(Buffer.concat([serialize.parse({ text: "SELECT 7" }), serialize.flush()]));
  t.equal(types(await readUntil(socket, (_, bytes) => bytes.length >= 5)), "1");
  const other = setUp.query("SELECT 8 AS eight");
  socket.write(Buffer.concat([serialize.bind({}), serialize.execute({}), serialize.flush()]));
  t.equal(types(await readUntil(socket, (_, bytes) => types(bytes).endsWith("C"))), "2DC");
  socket.write(serialize.sync());
  t.equal(types(await readUntil(socket, ({ status }) => status !== null)), "Z");
  t.same((await other).rows, [{ eight: 8 }]);
});

await t.test("a COPY from the client is refused with a reason, and the connection goes on", async (t) => {
  const client = await running.connect();
  const error: unknown = await client.query("COPY counted FROM STDIN").catch((thrown: unknown) => thrown);
  t.equal(sqlState(error), "57014");
  t.match(String(error), /takes no COPY from a client/);
  t.same((await client.query("SELECT 1 AS one")).rows, [{ one: 1 }]);
  const { rows } = await client.query({ text: "SELECT $1::int AS two", values: [2] });
  t.same(rows, [{ two: 2 }]);
});

await t.test("a client that disconnects in a transaction leaves nothing of it", async (t) => {
  const [a, b] = [await running.connect(), await running.connect()];
  await a.query("BEGIN");
  await a.query("INSERT INTO counted VALUES (3, 0)");
  const waiting = b.query("SELECT count(*)::int AS n FROM counted WHERE id = 3");
  await a.end();
  t.same((await waiting).rows, [{ n: 0 }]);
});

await t.test("a connection that breaks in the middle of a batch runs nothing of it", async (t) => {
  const socket = await rawConnection();
  const count = running.database.clients;
  const insert = serialize.query("INSERT INTO counted VALUES (4, 0)");
  socket.write(
    Buffer.concat([
      serialize.parse({ text: "INSERT INTO counted VALUES (5, 0)" }),
      serialize.bind({}),
      insert,
    ]).subarray(0, -3),
    () => socket.destroy(),
  );
  await untilClients(count - 1);
  t.same((await setUp.query("SELECT count(*)::int AS n FROM counted WHERE id IN (4, 5)")).rows, [{ n: 0 }]);
});

await t.test("what a client sent before its Terminate still runs", async (t) => {
  const socket = await rawConnection();
  const closed = once(socket, "close");
  socket.write(Buffer.concat([serialize.query("INSERT INTO counted VALUES (6, 0)"), serialize.end()]));
  await closed;
  t.same((await setUp.query("SELECT count(*)::int AS n FROM counted WHERE id = 6")).rows, [{ n: 1 }]);
});

await t.test("a client that closes its end after a query still gets its answer", async (t) => {
  const socket = await rawConnection();
  socket.end(serialize.query("SELECT 1"));
  t.equal(types(await readUntil(socket, ({ status }) => status !== null)), "TDCZ");
});

await t.test("statements of a connection that closed are deallocated", async (t) => {
  const prepared = async (): Promise<unknown> =>
    (await setUp.query<{ n: number }>("SELECT count(*)::int AS n FROM pg_prepared_statements")).rows[0]?.n;
  const before = await prepared();
  const client = await running.connect();
  const count = running.database.clients;
  await client.query({ name: "one", text: "SELECT 1" });
  await client.query({ name: "two", text: "SELECT 2" });
  t.equal(await prepared(), Number(before) + 2);
  await client.end();
  await untilClients(count - 1);
  t.equal(await prepared(), before);
});

await t.test("a transaction idle too long loses its connection, and its client is told", async (t) => {
  const database = openDatabase({ kind: "socket", directory }, 1, 10_000, () => undefined);
  t.teardown(() => database.close());
  const failure: unknown = await database
    .transaction(async (tx) => {
      await tx.query({ text: "INSERT INTO counted VALUES (7, 0)" });
      const waiting = setUp.query("SELECT count(*)::int AS n FROM counted WHERE id = 7");
      clock.advance(5000);
      t.same((await waiting).rows, [{ n: 0 }]);
      await tx.query({ text: "SELECT 1" });
    })
    .catch((error: unknown) => error);
  t.ok(failure instanceof StoreError && failure.kind === "retry", String(failure));
  t.same((await database.query({ text: "SELECT 1 AS one" })).rows, [{ one: 1 }], "the pool connects anew");
});

await t.test("large values and the largest batches pass whole", async (t) => {
  const content = Buffer.alloc(512 * 1024, "fastchat");
  await setUp.query("INSERT INTO stored VALUES (1, 1, $1)", [content]);
  const { rows } = await setUp.query<{ content: Buffer }>("SELECT content FROM stored WHERE id = 1");
  t.ok(rows[0]?.content.equals(content));

  const count = limits.writeBatchRows;
  const each = Math.floor(limits.writeBatchBytes / count);
  const places = Array.from({ length: count }, (_, i) => `($${2 * i + 1}, 2, $${2 * i + 2})`).join();
  const values = Array.from({ length: count }, (_, i) => [1000 + i, Buffer.alloc(each, i)]).flat();
  const inserted = await setUp.query(`INSERT INTO stored VALUES ${places}`, values);
  t.equal(inserted.rowCount, count);
  const { rows: sums } = await setUp.query<{ bytes: number }>(
    "SELECT sum(length(content))::int AS bytes FROM stored WHERE owner = 2",
  );
  t.same(sums, [{ bytes: count * each }]);
});

await t.test("a client that does not read gets no more turns, and holds up nobody", async (t) => {
  await setUp.query("CREATE SEQUENCE turns");
  const socket = await rawConnection();
  socket.pause();
  const query = serialize.query("SELECT nextval('turns'), repeat('x', 500000)");
  socket.write(Buffer.concat(Array.from({ length: 20 }, () => query)));
  for (let i = 0; i < 40; i++) await setUp.query("SELECT 1");
  const { rows } = await setUp.query<{ turns: number }>("SELECT last_value::int AS turns FROM turns");
  const turns = rows[0]?.turns ?? 20;
  t.ok(turns < 20, `${turns} of 20 answers were made before anybody read one`);
  let bytes = 0;
  socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
  socket.resume();
  while (bytes < 10_000_000) await once(socket, "data");
  t.ok(bytes >= 10_000_000, "once it reads, it gets everything");
});

await t.test("a message over the limit ends its connection with a reason", async (t) => {
  const socket = await rawConnection();
  socket.write(Buffer.from("510fffffff", "hex"));
  const { error } = summarize(await readUntil(socket, ({ error }) => error !== null));
  t.equal(error?.code, "54000");
  t.equal(error?.severity, "FATAL");
});

await t.test("greetings that lead nowhere are answered as PostgreSQL answers them", async (t) => {
  const greet = async (...messages: Uint8Array[]): Promise<Buffer> => {
    const socket = connect(join(directory, SOCKET_NAME));
    t.teardown(() => socket.destroy());
    socket.write(Buffer.concat(messages));
    const chunks: Buffer[] = [];
    for await (const chunk of socket) {
      chunks.push(chunk as Buffer);
      if (Buffer.concat(chunks).subarray(-6).toString() === "Z\0\0\0\x05I") break;
    }
    return Buffer.concat(chunks);
  };
  t.equal(summarize(await greet(serialize.startup({ user: "bob" }))).error?.code, "28000");
  t.equal(
    summarize(await greet(serialize.startup({ user: "postgres", database: "other" }))).error?.code,
    "3D000",
  );
  t.equal((await greet(serialize.cancel(1, 2))).length, 0, "a request to cancel is harmless");
  const encrypted = await greet(serialize.requestSsl(), serialize.startup({ user: "postgres" }));
  t.equal(encrypted.toString("latin1", 0, 2), "NR", "encryption is declined, and the greeting goes on");
  const newer = serialize.startup({ user: "postgres", "_pq_.something": "1" });
  newer.writeUInt16BE(2, 6);
  t.equal(types(await greet(newer)).charAt(0), "v", "protocol 3.2 is talked down to 3.0");
  newer.writeUInt16BE(9, 4);
  t.equal(summarize(await greet(newer)).error?.code, "0A000");
});
