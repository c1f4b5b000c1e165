/** PROTOCOL.md, "Sessions". */
import t from "tap";
import {
  clientMessages,
  PROTOCOL_VERSION,
  serverMessages,
  type ClientMessage,
  type ServerMessage,
} from "../../src/protocol/chat.js";
import type { ServerId } from "../../src/protocol/ids.js";
import { holdToForm, refusesValues, takesValues } from "./control-messages.js";
import { write } from "./msgpack.js";

const hello = {
  type: "hello",
  version: PROTOCOL_VERSION,
  ticket: Buffer.alloc(300, 0x7e),
  attach: true,
} as const;
const welcome = {
  type: "welcome",
  server: "chat-1" as ServerId,
  session: 0xffffffff,
  idleMs: 60_000,
  maxFrameBytes: 262_144,
  sendWindow: 256,
  sendWindowBytes: 4_194_304,
} as const;
const closing = { type: "closing", code: "unavailable", message: "The server is stopping." } as const;
const move = {
  type: "move",
  server: "chat-2" as ServerId,
  host: "chat.example",
  port: 7443,
  ticket: Buffer.alloc(300, 0x7e),
} as const;
const ping = { type: "ping", ref: 5 } as const;
const pong = { type: "pong", ref: 0 } as const;
const fromClient: readonly ClientMessage[] = [hello, { type: "attach" }, ping, pong];
const fromServer: readonly ServerMessage[] = [welcome, { type: "live" }, closing, move, ping, pong];

holdToForm(
  t,
  clientMessages,
  fromClient.map((message) => ({ message })),
);
holdToForm(
  t,
  serverMessages,
  fromServer.map((message) => ({ message })),
);

t.test("a hello's bytes, as a client in another language would write them", async (t) => {
  const bytes =
    "01" + // control
    "84" + // a map of four
    "a474797065" + // "type"
    "a568656c6c6f" + // "hello"
    "a776657273696f6e" + // "version"
    "01" +
    "a67469636b6574" + // "ticket"
    "c403010203" +
    "a6617474616368" + // "attach"
    "c3";
  t.same(clientMessages.decode(Buffer.from(bytes, "hex")), {
    type: "hello",
    version: 1,
    ticket: Uint8Array.of(1, 2, 3),
    attach: true,
  });
});

t.test("what only the other side says is not understood", async (t) => {
  for (const message of [welcome, { type: "live" }, closing, move]) {
    const frame = Buffer.concat([Buffer.of(1), write(message)]);
    t.throws(() => clientMessages.decode(frame), { code: "badFrame" }, message.type);
  }
  for (const message of [hello, { type: "attach" }]) {
    const frame = Buffer.concat([Buffer.of(1), write(message)]);
    t.throws(() => serverMessages.decode(frame), { code: "badFrame" }, message.type);
  }
});

t.test("every field has its bounds", async (t) => {
  takesValues(t, clientMessages, hello, "version", [0, 65535]);
  refusesValues(t, clientMessages, hello, "version", [-1, 65536, 1.5]);
  takesValues(t, clientMessages, hello, "ticket", [Buffer.alloc(1), Buffer.alloc(1024)]);
  refusesValues(t, clientMessages, hello, "ticket", [Buffer.alloc(0), Buffer.alloc(1025)]);
  takesValues(t, clientMessages, ping, "ref", [0, 0xffffffff]);
  refusesValues(t, clientMessages, ping, "ref", [-1, 2 ** 32, 0.5]);
  takesValues(t, serverMessages, welcome, "server", ["a", "x".repeat(32)]);
  refusesValues(t, serverMessages, welcome, "server", ["", "x".repeat(33), "Chat-1", "chat-1\n"]);
  takesValues(t, serverMessages, welcome, "idleMs", [0, Number.MAX_SAFE_INTEGER]);
  refusesValues(t, serverMessages, welcome, "idleMs", [-1, 2 ** 53, 1.5, 1e300]);
  refusesValues(t, serverMessages, welcome, "session", [-1, 2 ** 32]);
  takesValues(t, serverMessages, closing, "code", ["x", "a code of a later version"]);
  refusesValues(t, serverMessages, closing, "code", ["", "x".repeat(41)]);
  takesValues(t, serverMessages, closing, "message", ["", "x".repeat(500)]);
  refusesValues(t, serverMessages, closing, "message", ["x".repeat(501)]);
});
