import t from "tap";
import { serialize } from "./pg-protocol.js";
import { errorResponse, readyForQuery, type SqlError } from "../../../src/workers/database/backend.js";
import { ABANDON, type Batch } from "../../../src/workers/database/batch.js";
import { Scheduler, type Client } from "../../../src/workers/database/scheduler.js";
import { VirtualClock } from "../../../bench/simulation/virtual-clock.js";

/** An engine that keeps a record and answers as the text of a batch asks it to. */
class FakeEngine {
  readonly ran: string[] = [];
  #transaction = false;

  run(input: Uint8Array, onOutput: (chunk: Uint8Array) => void): void {
    const text = Buffer.from(input).equals(ABANDON) ? "abandon" : Buffer.from(input).toString();
    this.ran.push(text);
    if (text.includes("BEGIN")) this.#transaction = true;
    if (text.includes("COMMIT") || text === "abandon") this.#transaction = false;
    if (text.includes("large")) onOutput(new Uint8Array(1000));
    if (text.includes("wrong"))
      onOutput(errorResponse({ severity: "ERROR", code: "42601", message: "wrong" }));
    if (text.includes("die")) throw new Error("dead");
    if (!text.includes("open")) onOutput(readyForQuery(this.#transaction ? "T" : "I"));
  }
}

class FakeClient implements Client {
  congested = false;
  readonly answers: string[] = [];
  expelled: SqlError | null | undefined;

  constructor(
    readonly name: string,
    private readonly scheduler: Scheduler,
  ) {
    scheduler.attach(this);
  }

  answer(_bytes: Uint8Array, batch: Batch): void {
    this.answers.push(Buffer.concat(batch.parts).toString());
  }

  expel(error: SqlError | null): void {
    this.expelled = error;
  }

  submit(what: string, more: Partial<Batch> = {}): void {
    const text = Buffer.from(`${this.name} ${what}`);
    this.scheduler.submit(this, {
      parts: [text],
      byteLength: text.length,
      end: what.includes("open") ? "open" : "sync",
      usesEarlierUnnamed: false,
      unnamed: "kept",
      closes: [],
      ...more,
    });
  }
}

function setting() {
  const engine = new FakeEngine();
  const clock = new VirtualClock();
  const due: (() => void)[] = [];
  const broken: unknown[] = [];
  const scheduler = new Scheduler({
    session: engine,
    clock,
    soon: (callback) => due.push(callback),
    idleTransactionMs: 5000,
    maxAnswerBytes: 500,
    onBroken: (error) => broken.push(error),
  });
  /** One turn of the event loop; answers whether something was due. */
  const turn = (): boolean => {
    const callbacks = due.splice(0);
    for (const callback of callbacks) callback();
    return callbacks.length > 0;
  };
  const settle = (): void => {
    while (turn());
  };
  return {
    engine,
    clock,
    scheduler,
    broken,
    turn,
    settle,
    client: (name: string) => new FakeClient(name, scheduler),
  };
}

await t.test("connections take turns, a batch each, whoever queued more", (t) => {
  const { engine, client, settle } = setting();
  const [a, b] = [client("a"), client("b")];
  for (const n of [1, 2, 3]) a.submit(`${n}`);
  b.submit("1");
  settle();
  t.same(engine.ran, ["a 1", "b 1", "a 2", "a 3"]);
  t.same(a.answers, ["a 1", "a 2", "a 3"]);
  t.end();
});

await t.test("the event loop gets its turn between any two batches", (t) => {
  const { engine, client, turn } = setting();
  const a = client("a");
  for (const n of [1, 2, 3]) a.submit(`${n}`);
  const after: number[] = [];
  while (turn()) after.push(engine.ran.length);
  t.same(after, [1, 2, 3, 3]);
  t.end();
});

await t.test("a transaction keeps the session until it ends", (t) => {
  const { engine, client, settle } = setting();
  const [a, b] = [client("a"), client("b")];
  a.submit("BEGIN");
  b.submit("1");
  settle();
  t.same(engine.ran, ["a BEGIN"]);
  a.submit("COMMIT");
  a.submit("2");
  settle();
  t.same(engine.ran, ["a BEGIN", "a COMMIT", "b 1", "a 2"]);
  t.end();
});

await t.test("a batch handed over by Flush keeps the session until it is synced", (t) => {
  const { engine, client, settle } = setting();
  const [a, b] = [client("a"), client("b")];
  a.submit("open");
  b.submit("1");
  settle();
  a.submit("sync");
  settle();
  t.same(engine.ran, ["a open", "a sync", "b 1"]);
  t.end();
});

await t.test("a transaction that is idle too long is rolled back and its connection told", (t) => {
  const { engine, client, clock, settle } = setting();
  const [a, b] = [client("a"), client("b")];
  a.submit("BEGIN");
  b.submit("1");
  settle();
  clock.advance(4999);
  a.submit("2");
  settle();
  clock.advance(4999);
  t.equal(a.expelled, undefined, "its time begins anew with every batch");
  clock.advance(1);
  settle();
  t.equal(a.expelled?.code, "25P03");
  t.same(engine.ran, ["a BEGIN", "a 2", "abandon", "b 1"]);
  a.submit("3");
  settle();
  t.equal(engine.ran.length, 4, "what it says afterwards is not run");
  t.end();
});

await t.test("a connection that is lost leaves nothing behind", (t) => {
  const { engine, client, scheduler, clock, settle } = setting();
  const [a, b] = [client("a"), client("b")];
  a.submit("BEGIN");
  settle();
  a.submit("2");
  b.submit("1");
  scheduler.detach(a);
  settle();
  clock.advance(60_000);
  t.same(engine.ran, ["a BEGIN", "abandon", "b 1"]);
  t.equal(a.expelled, undefined, "and nobody is told any more");
  t.end();
});

await t.test("a client that does not read gets no turn, and holds nobody up", (t) => {
  const { engine, client, scheduler, settle } = setting();
  const [a, b] = [client("a"), client("b")];
  a.congested = true;
  a.submit("1");
  b.submit("1");
  settle();
  t.same(engine.ran, ["b 1"]);
  a.congested = false;
  scheduler.uncongested(a);
  settle();
  t.same(engine.ran, ["b 1", "a 1"]);
  t.end();
});

await t.test("the bridge's own work waits for its turn and for the end of a transaction", async (t) => {
  const { engine, client, scheduler, settle } = setting();
  const [a, b] = [client("a"), client("b")];
  a.submit("BEGIN");
  settle();
  const done = scheduler.runTask(Buffer.from("checkpoint wrong"));
  b.submit("1");
  settle();
  a.submit("COMMIT");
  settle();
  t.same(engine.ran, ["a BEGIN", "a COMMIT", "checkpoint wrong", "b 1"]);
  t.equal((await done).error?.code, "42601");
});

await t.test("nobody meets another connection's unnamed statement", (t) => {
  const { engine, client, settle } = setting();
  const [a, b] = [client("a"), client("b")];
  a.submit("parse", { unnamed: "prepared" });
  a.submit("bind", { usesEarlierUnnamed: true });
  settle();
  b.submit("parse", { unnamed: "prepared" });
  settle();
  a.submit("bind again", { usesEarlierUnnamed: true });
  settle();
  t.same(engine.ran.slice(0, 3), ["a parse", "a bind", "b parse"]);
  const instead = serialize.bind({ statement: "unnamed, replaced meanwhile" });
  t.equal(engine.ran[3]?.charAt(0), "B", "a reference that fails runs in its place");
  t.match(engine.ran[3], instead.subarray(5, 30).toString());
  t.end();
});

await t.test("a batch with an error leaves nobody an unnamed statement", (t) => {
  const { engine, client, settle } = setting();
  const a = client("a");
  a.submit("parse wrong", { unnamed: "prepared" });
  a.submit("bind", { usesEarlierUnnamed: true });
  settle();
  t.equal(engine.ran[0], "a parse wrong");
  t.not(engine.ran[1], "a bind");
  t.end();
});

await t.test("an answer over the limit costs its connection, and no more", (t) => {
  const { engine, client, settle } = setting();
  const [a, b] = [client("a"), client("b")];
  a.submit("large");
  b.submit("1");
  settle();
  t.equal(a.expelled?.code, "54000");
  t.same(a.answers, []);
  t.same(engine.ran, ["a large", "abandon", "b 1"]);
  t.end();
});

await t.test("an engine that dies ends everything, and says so once", async (t) => {
  const { client, scheduler, broken, settle } = setting();
  const [a, b, c] = [client("a"), client("b"), client("c")];
  a.submit("die");
  b.submit("1");
  const task = scheduler.runTask(Buffer.from("checkpoint"));
  settle();
  t.equal(broken.length, 1);
  t.equal(b.expelled?.code, "57P02");
  t.equal(c.expelled, null, "whoever asked for nothing is told nothing");
  t.equal((await task).error?.code, "57P02");
  t.equal((await scheduler.runTask(Buffer.from("later"))).error?.code, "57P02");
  const late = client("d");
  t.equal(late.expelled?.severity, "FATAL");
  t.equal(scheduler.clients, 0);
});

await t.test("an engine that breaks the protocol counts as dead", (t) => {
  const { client, broken, settle } = setting();
  client("a").submit("open", { end: "sync" });
  settle();
  t.equal(broken.length, 1);
  t.end();
});

await t.test("stopping lets queued work and the transaction under way end", async (t) => {
  const { engine, client, scheduler, settle } = setting();
  const [a, b, c] = [client("a"), client("b"), client("c")];
  a.submit("BEGIN");
  settle();
  b.submit("1");
  const drained = scheduler.drain(1000);
  settle();
  c.submit("1");
  t.equal(c.expelled?.code, "57P01", "what is new is refused");
  a.submit("2");
  a.submit("COMMIT");
  settle();
  await drained;
  t.same(engine.ran, ["a BEGIN", "a 2", "a COMMIT", "b 1"]);
  t.same([a.expelled, b.expelled], [null, null]);
  const task = scheduler.runTask(Buffer.from("checkpoint"));
  settle();
  t.equal((await task).error, null, "a last checkpoint can be made");
});

await t.test("stopping waits for a transaction for its time of grace only", async (t) => {
  const { engine, client, scheduler, clock, settle } = setting();
  const a = client("a");
  a.submit("BEGIN");
  settle();
  const drained = scheduler.drain(1000);
  settle();
  clock.advance(1000);
  settle();
  await drained;
  t.equal(a.expelled?.code, "57P01");
  t.same(engine.ran, ["a BEGIN", "abandon"]);
});
