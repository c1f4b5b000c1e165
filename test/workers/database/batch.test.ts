import t from "tap";
import { serialize } from "./pg-protocol.js";
import { FastChatError } from "../../../src/protocol/errors.js";
import { BatchBuilder, type Batch } from "../../../src/workers/database/batch.js";
import { Frontend, FrontendSplitter } from "../../../src/workers/database/frontend.js";
import { StatementNames } from "../../../src/workers/database/statement-names.js";

/** Sends messages of node-postgres through a builder; answers the batches they make. */
function batches(builder: BatchBuilder, ...messages: readonly Uint8Array[]): Batch[] {
  const splitter = new FrontendSplitter(1_000_000);
  splitter.push(serialize.startup({ user: "postgres" }), () => undefined);
  const made: Batch[] = [];
  splitter.push(Buffer.concat(messages), (message) => {
    if (message.kind !== "message" || message.type === Frontend.terminate) return;
    const batch = builder.add(message.type, message.bytes);
    if (batch !== null) made.push(batch);
  });
  return made;
}

function builder(connection = 7, maxBatchBytes = 1_000_000): BatchBuilder {
  return new BatchBuilder(new StatementNames(connection), maxBatchBytes);
}

function bytes(batch: Batch | undefined): Buffer {
  const whole = Buffer.concat(batch?.parts ?? []);
  return whole.length === batch?.byteLength ? whole : Buffer.from("the length is wrong");
}

const COPY_REFUSED = serialize.copyFail("the embedded database takes no COPY from a client; use INSERT");

await t.test("a simple query is a batch, and a COPY that it starts is refused at once", (t) => {
  const made = batches(builder(), serialize.query("SELECT 1"), serialize.query("SELECT 2"));
  t.same(
    made.map(({ end }) => end),
    ["query", "query"],
  );
  t.ok(bytes(made[0]).equals(Buffer.concat([serialize.query("SELECT 1"), COPY_REFUSED])));
  t.end();
});

await t.test(
  "an extended query is a batch once it is synced, with names that no other connection has",
  (t) => {
    const prepared = [
      serialize.parse({ name: "find", text: "SELECT $1" }),
      serialize.bind({ statement: "find", portal: "p", values: [Buffer.alloc(5)] }),
      serialize.describe({ type: "S", name: "find" }),
      serialize.execute({ portal: "p" }),
    ];
    const made = batches(builder(7), ...prepared);
    t.same(made, [], "not before");
    const [batch] = batches(builder(7), ...prepared, serialize.sync());
    const expected = Buffer.concat([
      serialize.parse({ name: "7.0", text: "SELECT $1" }),
      serialize.bind({ statement: "7.0", portal: "p", values: [Buffer.alloc(5)] }),
      serialize.describe({ type: "S", name: "7.0" }),
      serialize.execute({ portal: "p" }),
      COPY_REFUSED,
      serialize.sync(),
    ]);
    t.equal(bytes(batch).toString("hex"), expected.toString("hex"));
    t.equal(batch?.end, "sync");
    t.end();
  },
);

await t.test("long names that begin alike stay apart, and names of anybody else are not found", (t) => {
  const long = "n".repeat(62);
  const [batch] = batches(
    builder(3),
    serialize.parse({ name: `${long}1`, text: "SELECT 1" }),
    serialize.parse({ name: `${long}2`, text: "SELECT 2" }),
    serialize.bind({ statement: "8.0" }),
    serialize.sync(),
  );
  const text = bytes(batch).toString("latin1");
  t.match(text, /3\.0\0SELECT 1/);
  t.match(text, /3\.1\0SELECT 2/);
  t.match(text, /3\.unknown 8\.0\0/);
  t.end();
});

await t.test(
  "a closed name is free at once, and the engine's name is remembered until it has closed it",
  (t) => {
    const names = new StatementNames(1);
    const made = new BatchBuilder(names, 1000);
    batches(made, serialize.parse({ name: "a", text: "SELECT 1" }), serialize.sync());
    const [closing] = batches(made, serialize.close({ type: "S", name: "a" }), serialize.sync());
    t.same(closing?.closes, ["1.0"]);
    t.same(names.all(), ["1.0"]);
    const [again] = batches(made, serialize.parse({ name: "a", text: "SELECT 2" }), serialize.sync());
    t.match(bytes(again).toString("latin1"), "1.1\0SELECT 2");
    names.forget(closing?.closes ?? []);
    t.same(names.all(), ["1.1"]);
    t.end();
  },
);

await t.test("what a batch does with the unnamed statement is known", (t) => {
  const uses = (...messages: Uint8Array[]): unknown => {
    const [batch] = batches(builder(), ...messages);
    return [batch?.usesEarlierUnnamed, batch?.unnamed];
  };
  const parse = serialize.parse({ text: "SELECT 1" });
  const bind = serialize.bind({});
  t.same(uses(parse, bind, serialize.execute({}), serialize.sync()), [false, "prepared"]);
  t.same(uses(bind, serialize.execute({}), serialize.sync()), [true, "kept"]);
  t.same(uses(serialize.describe({ type: "S" }), serialize.sync()), [true, "kept"]);
  t.same(uses(parse, serialize.close({ type: "S" }), serialize.sync()), [false, "dropped"]);
  t.same(uses(serialize.query("SELECT 1")), [false, "dropped"]);
  t.same(uses(serialize.sync()), [false, "kept"]);
  t.end();
});

await t.test("Flush hands over what there is, and the batch goes on", (t) => {
  const made = batches(
    builder(),
    serialize.parse({ text: "SELECT 1" }),
    serialize.flush(),
    serialize.bind({}),
    serialize.query("SELECT 2"),
  );
  t.same(
    made.map(({ end }) => end),
    ["open", "open"],
    "a query behind messages without Sync may be passed over too",
  );
  t.end();
});

await t.test("data of a COPY that was refused is dropped", (t) => {
  const [batch] = batches(
    builder(),
    serialize.copyData(Buffer.from("1\n")),
    serialize.copyDone(),
    serialize.copyFail("no"),
    serialize.sync(),
  );
  t.ok(bytes(batch).equals(serialize.sync()));
  t.end();
});

await t.test("batches without end, statements without end and names without end are refused", (t) => {
  const refused = (run: () => unknown): unknown => {
    try {
      return run();
    } catch (error) {
      return error instanceof FastChatError ? error.code : error;
    }
  };
  const parse = serialize.parse({ name: "a", text: "x".repeat(600) });
  t.equal(
    refused(() => batches(builder(1, 1000), parse, serialize.bind({ values: ["y".repeat(600)] }))),
    "tooLarge",
  );
  const many = Array.from({ length: 4097 }, (_, i) => serialize.parse({ name: `s${i}`, text: "" }));
  t.equal(
    refused(() => batches(builder(), ...many)),
    "tooMany",
  );
  const unended = Buffer.from("42000000056162", "hex").subarray(0, 6);
  t.equal(
    refused(() => batches(builder(), unended)),
    "badFrame",
  );
  t.end();
});
