import t from "tap";
import { serialize } from "./pg-protocol.js";
import { FastChatError } from "../../../src/protocol/errors.js";
import { FrontendSplitter, type FrontendMessage } from "../../../src/workers/database/frontend.js";

// The client side of node-postgres is the independent source of these bytes.
const STREAM = Buffer.concat([
  serialize.startup({ user: "postgres", database: "postgres", application_name: "büro" }),
  serialize.query("SELECT 1"),
  serialize.parse({ name: "a", text: "SELECT $1::bytea" }),
  serialize.bind({ statement: "a", values: [Buffer.alloc(300, 7)] }),
  serialize.describe({ type: "P" }),
  serialize.execute({}),
  serialize.sync(),
  serialize.flush(),
  serialize.end(),
]);

function describeMessage(message: FrontendMessage): string {
  switch (message.kind) {
    case "startup":
      return `startup ${message.major}.${message.minor} ${JSON.stringify([...message.parameters])}`;
    case "message":
      return `${String.fromCharCode(message.type)} ${Buffer.from(message.bytes).toString("hex")}`;
    case "cancel":
    case "encryption":
      return message.kind;
  }
}

function split(chunks: readonly Uint8Array[], maxMessageBytes = 1000): string[] {
  const splitter = new FrontendSplitter(maxMessageBytes);
  const messages: string[] = [];
  for (const chunk of chunks) splitter.push(chunk, (message) => messages.push(describeMessage(message)));
  return messages;
}

function refusal(chunk: Uint8Array, maxMessageBytes = 1000): unknown {
  try {
    split([chunk], maxMessageBytes);
    return "accepted";
  } catch (error) {
    return error instanceof FastChatError ? error.code : error;
  }
}

const greeting = serialize.startup({ user: "postgres" });
const after = (bytes: Uint8Array): Buffer => Buffer.concat([greeting, bytes]);

await t.test("a stream in one piece gives its greeting and its messages in order", (t) => {
  const [startup, ...messages] = split([STREAM]);
  t.equal(
    startup,
    'startup 3.0 [["user","postgres"],["database","postgres"],["application_name","büro"],["client_encoding","UTF8"]]',
  );
  t.same(
    messages.map((message) => message.charAt(0)),
    ["Q", "P", "B", "D", "E", "S", "H", "X"],
  );
  const bytes = Buffer.concat(messages.map((message) => Buffer.from(message.slice(2), "hex")));
  t.ok(STREAM.subarray(-bytes.length).equals(bytes), "every message is whole");
  t.end();
});

await t.test("a stream split at any point gives the same messages", (t) => {
  const whole = split([STREAM]);
  const differing: number[] = [];
  for (let at = 0; at <= STREAM.length; at++) {
    const parts = split([STREAM.subarray(0, at), STREAM.subarray(at)]);
    if (JSON.stringify(parts) !== JSON.stringify(whole)) differing.push(at);
  }
  t.same(differing, []);
  t.same(split([...STREAM].map((byte) => Uint8Array.of(byte))), whole, "byte by byte too");
  t.end();
});

await t.test("requests for encryption and cancelling come before the greeting", (t) => {
  t.same(split([Buffer.concat([serialize.requestSsl(), greeting])]).length, 2);
  t.equal(split([serialize.requestSsl()])[0], "encryption");
  const gssapi = Buffer.from("0000000804d21630", "hex");
  t.equal(split([gssapi])[0], "encryption");
  t.equal(split([serialize.cancel(1, 2)])[0], "cancel");
  t.end();
});

await t.test("a message over the limit is refused by its length alone", (t) => {
  const announced = Buffer.from("510000000a", "hex");
  t.equal(refusal(after(announced), 11), "accepted", "a length within it is waited for");
  t.equal(refusal(after(announced), 10), "tooLarge");
  t.equal(refusal(after(Buffer.from("42ffffffff", "hex"))), "tooLarge");
  t.equal(refusal(Buffer.from("7fffffff", "hex")), "tooLarge", "a greeting too");
  t.end();
});

await t.test("what is no message is refused", (t) => {
  t.equal(refusal(after(Buffer.from("5100000003", "hex"))), "badFrame", "a length too short for itself");
  t.equal(refusal(after(Buffer.from("7a00000004", "hex"))), "badFrame", "an unknown type");
  t.equal(refusal(after(Buffer.from("7000000005", "hex"))), "badFrame", "a password, which nobody asked for");
  t.equal(refusal(Buffer.from("00000007", "hex")), "badFrame", "a greeting too short for its code");
  t.end();
});

await t.test("a large message that comes in many pieces is not joined anew for each of them", (t) => {
  const large = serialize.query("x".repeat(4_000_000));
  const splitter = new FrontendSplitter(5_000_000);
  splitter.push(greeting, () => undefined);
  const sizes: number[] = [];
  for (let at = 0; at < large.length; at += 1000) {
    splitter.push(large.subarray(at, at + 1000), (message) => {
      if (message.kind === "message") sizes.push(message.bytes.length);
    });
  }
  t.same(sizes, [large.length]);
  t.equal(splitter.heldBytes, 0);
  t.end();
});
