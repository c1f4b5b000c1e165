import { createServer, type AddressInfo, type Socket } from "node:net";
import t, { type Test } from "tap";
import {
  openDatabase,
  PgDatabase,
  StoreError,
  type Database,
  type PgClient,
  type PgPool,
} from "../../src/store/database.js";
import { failureOf } from "./delivery-contract.js";

/** A pool of one connection that keeps what it was asked, and answers as `answer` says. */
function poolAnswering(answer: (text: string) => object | Promise<object>) {
  const asked: string[] = [];
  const released: (Error | undefined)[] = [];
  const listeners = new Set<(error: Error) => void>();
  const client: PgClient = {
    async query(config) {
      asked.push(config.text);
      const answered = await answer(config.text);
      if (answered instanceof Error) throw answered;
      return { rows: [], rowCount: 0, command: config.text, ...answered };
    },
    on: (_event, listener) => listeners.add(listener),
    removeListener: (_event, listener) => listeners.delete(listener),
    release: (broken) => released.push(broken),
  };
  const pool: PgPool = { connect: () => Promise.resolve(client), end: () => Promise.resolve() };
  const lose = (error: Error) => listeners.forEach((listener) => listener(error));
  return { db: new PgDatabase(pool), asked, released, listeners, lose };
}

const refused = (code: string) => Object.assign(new Error("no"), { code, severity: "ERROR" });

t.test("a connection that answered no is used again", async (t) => {
  const { db, released, listeners } = poolAnswering(() => refused("23505"));
  t.match(await failureOf(db.query({ text: "INSERT" })), { kind: "rejected" });
  t.same(released, [undefined]);
  t.equal(listeners.size, 0);
});

t.test("a connection that broke is thrown away, and no ROLLBACK is waited for", async (t) => {
  const lost = new Error("Query read timeout");
  const { db, asked, released } = poolAnswering((text) => (text === "SLOW" ? lost : {}));
  const failed = db.transaction((tx) => tx.query({ text: "SLOW" }));
  t.match(await failureOf(failed), { kind: "retry", code: "unavailable" });
  t.same(asked, ["BEGIN", "SLOW"]);
  t.same(released, [lost]);
});

t.test("a connection that the database ends is thrown away", async (t) => {
  const ended = Object.assign(new Error("terminating connection"), { code: "57P01", severity: "FATAL" });
  const { db, released } = poolAnswering(() => ended);
  t.match(await failureOf(db.query({ text: "SELECT" })), { kind: "retry" });
  t.same(released, [ended]);
});

t.test("a connection that is lost between two statements is thrown away", async (t) => {
  const { db, lose, released, listeners } = poolAnswering(() => ({}));
  const lost = new Error("Connection terminated unexpectedly");
  await db.transaction((tx) => {
    lose(lost);
    return tx.query({ text: "SELECT" });
  });
  t.same(released, [lost]);
  t.equal(listeners.size, 0);
});

t.test("a connection that cannot roll back is thrown away, and the first failure is told", async (t) => {
  const stuck = new Error("no answer");
  const { db, released } = poolAnswering((text) => (text === "ROLLBACK" ? stuck : {}));
  const reason = new Error("changed my mind");
  t.equal(await failureOf(db.transaction(() => Promise.reject(reason))), reason);
  t.same(released, [stuck]);
});

t.test("a transaction whose COMMIT was answered with ROLLBACK has failed", async (t) => {
  const { db, asked } = poolAnswering((text) => (text === "COMMIT" ? { command: "ROLLBACK" } : {}));
  t.match(await failureOf(db.transaction(() => Promise.resolve())), { kind: "defect" });
  t.same(asked, ["BEGIN", "COMMIT"]);
});

t.test("a batch is sent whole before the first answer, and its first failure is told", async (t) => {
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { db, asked } = poolAnswering(async (text) => {
    await gate;
    if (text === "COMMIT") return { command: "ROLLBACK" };
    return text === "TWO" ? refused("23503") : text === "THREE" ? refused("25P02") : {};
  });
  const failure = failureOf(db.batch([{ text: "ONE" }, { text: "TWO" }, { text: "THREE" }]));
  await Promise.resolve();
  await new Promise(setImmediate);
  t.same(asked, ["BEGIN", "ONE", "TWO", "THREE", "COMMIT"]);
  open();
  t.match(await failure, { kind: "rejected", reason: "23503" });
});

t.test("a batch of one statement needs no transaction, and one of none nothing at all", async (t) => {
  const { db, asked } = poolAnswering(() => ({}));
  await db.batch([{ text: "ONE" }]);
  await db.batch([]);
  t.same(asked, ["ONE"]);
});

t.test("a database closes once, however often it is told", async (t) => {
  let ends = 0;
  const db = new PgDatabase({
    connect: () => Promise.reject(new Error("closed")),
    end: () => Promise.resolve(void ends++),
  });
  await Promise.all([db.close(), db.close()]);
  t.equal(ends, 1);
  t.match(await failureOf(db.query({ text: "SELECT 1" })), { kind: "retry" });
});

/** Listens on loopback; `answer` gets each connection and what came on it. */
async function listen(t: Test, answer: (socket: Socket, data: Buffer) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("data", (data) => answer(socket, data));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `postgres://nobody@127.0.0.1:${(server.address() as AddressInfo).port}/none`;
}

function open(t: Test, url: string, timeoutMs: number): Database {
  const db = openDatabase({ kind: "url", url }, 2, timeoutMs, () => undefined);
  t.teardown(() => db.close());
  return db;
}

t.test("a database that nobody serves is to be tried again", async (t) => {
  const url = await listen(t, (socket) => socket.destroy());
  const db = open(t, url, 5000);
  t.match(await failureOf(db.query({ text: "SELECT 1" })), { kind: "retry", code: "unavailable" });
});

t.test("a database that does not greet is given up in time", async (t) => {
  const db = open(t, await listen(t, () => undefined), 50);
  t.match(await failureOf(db.query({ text: "SELECT 1" })), { kind: "retry", code: "unavailable" });
  t.match(await failureOf(db.transaction(() => Promise.resolve())), { kind: "retry" });
});

t.test("a database that greets and then says nothing is given up in time", async (t) => {
  const authenticationOk = Buffer.from("520000000800000000", "hex");
  const readyForQuery = Buffer.from("5a0000000549", "hex");
  let greeted = false;
  const url = await listen(t, (socket) => {
    if (!greeted) socket.write(Buffer.concat([authenticationOk, readyForQuery]));
    greeted = true;
  });
  const db = open(t, url, 50);
  t.match(await failureOf(db.query({ text: "SELECT 1" })), { kind: "retry", code: "unavailable" });
});

const url = process.env["FASTCHAT_TEST_DATABASE_URL"] ?? "";
t.test(
  "on PostgreSQL",
  { skip: url === "" ? "FASTCHAT_TEST_DATABASE_URL names no PostgreSQL" : false },
  (t) => {
    const setting = async (db: Database, name: string): Promise<string | undefined> => {
      const { rows } = await db.query<{ value: string }>({
        text: "SELECT current_setting($1) AS value",
        values: [name],
      });
      return rows[0]?.value;
    };
    const withOptions = (options: string): string => {
      const address = new URL(url);
      address.searchParams.set("options", options);
      return address.href;
    };

    t.test("commits are on the disk, whatever the default says", async (t) => {
      const db = open(t, withOptions("-c synchronous_commit=off"), 5000);
      t.equal(await setting(db, "synchronous_commit"), "on");
    });

    t.test("a stricter choice of the operator stays", async (t) => {
      const db = open(t, withOptions("-c synchronous_commit=remote_apply"), 5000);
      t.equal(await setting(db, "synchronous_commit"), "remote_apply");
    });

    t.test("the server ends what nobody waits for", async (t) => {
      const db = open(t, url, 5000);
      t.equal(await setting(db, "statement_timeout"), "5s");
      t.equal(await setting(db, "idle_in_transaction_session_timeout"), "5s");
      const slow = await failureOf(
        db.transaction(async (tx) => {
          await tx.query({ text: "SET LOCAL statement_timeout = 10" });
          await tx.query({ text: "SELECT pg_sleep(60)" });
        }),
      );
      t.match(slow, { kind: "retry", reason: "57014" });
      t.equal(await setting(db, "statement_timeout"), "5s");
    });

    t.test("a statement whose time is up is given up, and the next has another connection", async (t) => {
      const db = open(t, url, 5000);
      const slow = await failureOf(db.query({ text: "SELECT pg_sleep(60)", values: [], timeoutMs: 20 }));
      t.match(slow, { kind: "retry", code: "unavailable" });
      t.equal(await setting(db, "server_encoding"), "UTF8");
    });

    t.test("a connection that is killed in a transaction ends that transaction only", async (t) => {
      const db = open(t, url, 5000);
      const killed = await failureOf(
        db.transaction(async (tx) => {
          const { rows } = await tx.query<{ pid: number }>({ text: "SELECT pg_backend_pid() AS pid" });
          await db.query({ text: "SELECT pg_terminate_backend($1)", values: [rows[0]?.pid] });
          await tx.query({ text: "SELECT 1" });
        }),
      );
      t.ok(killed instanceof StoreError);
      t.match(killed, { kind: "retry" });
      t.equal(await setting(db, "server_encoding"), "UTF8");
    });

    t.test("prepared statements outlive a failure of theirs", async (t) => {
      const db = open(t, url, 5000);
      const divide = (by: number) => ({ name: "divide", text: "SELECT 6 / $1::int AS n", values: [by] });
      t.match(await failureOf(db.batch([divide(3), divide(0), divide(2)])), {
        kind: "rejected",
        reason: "22012",
      });
      t.same((await db.query(divide(2))).rows, [{ n: 3 }]);
    });
    t.end();
  },
);
