/** Links over real MessageChannels, all in this thread. */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import t, { type Test } from "tap";
import { Outcome } from "../../../src/protocol/hot.js";
import type { AccountId, Incarnation, MessageId, ServerId } from "../../../src/protocol/ids.js";
import { linkMessageBytes, readLinkMessages, type LinkMessage } from "../../../src/protocol/link.js";
import { PortLink } from "../../../src/workers/chat/port-link.js";

const ONE = "chat-1" as ServerId;
const TWO = "chat-2" as ServerId;
const first = "1".repeat(32) as Incarnation;
const second = "2".repeat(32) as Incarnation;
const account = "ab".repeat(16) as AccountId;

const settled = (dispatch: number): LinkMessage => ({
  type: "settled",
  dispatch,
  recipient: account,
  outcome: Outcome.stored,
});
const forward = (dispatch: number, bytes = 100): LinkMessage => ({
  type: "forward",
  dispatch,
  view: 1,
  session: 1,
  frame: Buffer.alloc(bytes, dispatch),
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** One server's links and what they told it. */
class Server {
  readonly heard: { readonly from: ServerId; readonly message: LinkMessage }[] = [];
  readonly gone: ServerId[] = [];
  readonly link: PortLink;
  #waiting: (() => void)[] = [];

  /** @param also is called with each message, after it was noted */
  constructor(t: Test, windowBytes = 1 << 20, also: (message: LinkMessage) => void = () => undefined) {
    this.link = new PortLink(windowBytes, {
      onMessage: (from, message) => {
        this.heard.push({ from, message });
        also(message);
        for (const resolve of this.#waiting.splice(0)) resolve();
      },
      onPeerGone: (peer) => this.gone.push(peer),
    });
    t.teardown(() => this.link.close());
  }

  async count(count: number): Promise<void> {
    while (this.heard.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** What came, shortened to type and number. */
  get short(): string {
    return this.heard.map(({ message }) => short(message)).join(" ");
  }
}

function short(message: LinkMessage): string {
  if ("dispatch" in message) return `${message.type}:${message.dispatch}`;
  return "session" in message ? `${message.type}:${message.session}` : message.type;
}

/** Two servers linked by a port. */
function pair(t: Test, windowBytes?: number): { one: Server; two: Server; port: MessagePort } {
  const [one, two] = [new Server(t, windowBytes), new Server(t, windowBytes)];
  const { port1, port2 } = new MessageChannel();
  one.link.connect(TWO, first, port1);
  two.link.connect(ONE, first, port2);
  return { one, two, port: port1 };
}

interface Batch {
  readonly bytes: Uint8Array;
  readonly consumed: number;
}

/** The other end of a link, played by the test: it says itself what it has dealt with, and when. */
class Played {
  readonly batches: Batch[] = [];
  readonly messages: LinkMessage[] = [];
  #waiting: (() => void)[] = [];

  constructor(
    t: Test,
    readonly port: MessagePort,
  ) {
    port.on("message", (batch: Batch) => {
      this.batches.push(batch);
      readLinkMessages(batch.bytes, (message) => this.messages.push(message));
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
    t.teardown(() => port.close());
  }

  consume(bytes: number): void {
    this.port.postMessage({ bytes: new Uint8Array(0), consumed: bytes });
  }

  async count(messages: number): Promise<void> {
    while (this.messages.length < messages) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  get short(): string {
    return this.messages.map(short).join(" ");
  }
}

function played(t: Test, windowBytes: number): { one: Server; other: Played } {
  const one = new Server(t, windowBytes);
  const { port1, port2 } = new MessageChannel();
  one.link.connect(TWO, first, port1);
  return { one, other: new Played(t, port2) };
}

t.test("messages of every type come as they were, in order, with their sender's name", async (t) => {
  const { one, two } = pair(t);
  const messages: readonly LinkMessage[] = [
    forward(1),
    settled(2),
    { type: "deliver", session: 3, frame: Buffer.from("frame") },
    { type: "ack", recipient: account, sender: account, message: "cd".repeat(16) as MessageId },
    { type: "attach", account, session: 4, view: 5 },
    { type: "detach", account, session: 6 },
    { type: "live", session: 7 },
    forward(8),
  ];
  for (const message of messages) one.link.send(TWO, message);
  await two.count(messages.length);
  t.same(
    two.heard,
    messages.map((message) => ({ from: ONE, message })),
  );
  t.equal(one.heard.length, 0);
});

t.test("both directions run at once, over many turns, and keep their order", async (t) => {
  const { one, two } = pair(t, 2000);
  const expected: string[] = [];
  for (let i = 1; i <= 300; i++) {
    one.link.send(TWO, forward(i, i));
    two.link.send(ONE, forward(i, 301 - i));
    expected.push(`forward:${i}`);
    if (i % 10 === 0) await turn();
  }
  await Promise.all([one.count(300), two.count(300)]);
  t.equal(one.short, expected.join(" "));
  t.equal(two.short, expected.join(" "));
});

t.test("what one turn sends is one post, and its memory leaves with it", async (t) => {
  const { one, two, port } = pair(t);
  const posts: Batch[] = [];
  const post = port.postMessage.bind(port);
  port.postMessage = (batch: Batch, transfer?: never) => {
    posts.push(batch);
    post(batch, transfer);
  };
  for (let i = 1; i <= 64; i++) one.link.send(TWO, forward(i));
  t.equal(posts.length, 0, "nothing within the turn");
  await two.count(64);
  t.equal(posts.length, 1);
  t.equal(posts[0]?.bytes.buffer.byteLength, 0, "transferred, not copied");
  one.link.send(TWO, settled(65));
  await two.count(65);
  t.ok(posts.length === 2 && two.short.endsWith("settled:65"));
});

t.test("a frame is copied before send returns, though it goes later", async (t) => {
  const { one, other } = played(t, 150);
  const frame = Buffer.alloc(140, 7);
  for (const dispatch of [1, 2])
    one.link.send(TWO, { type: "forward", dispatch, view: 1, session: 1, frame });
  frame.fill(0);
  await other.count(1);
  other.consume(153);
  await other.count(2);
  const whole = other.messages.every(
    (message) => "frame" in message && message.frame.every((byte) => byte === 7),
  );
  t.ok(whole, "of the one that went at once, and of the one that waited");
});

t.test("beyond the window forwards wait, in order, until the other side has dealt with some", async (t) => {
  const each = linkMessageBytes(forward(1));
  const { one, other } = played(t, 2 * each);
  t.notOk(one.link.full(TWO));
  one.link.send(TWO, forward(1));
  t.notOk(one.link.full(TWO));
  for (let i = 2; i <= 6; i++) one.link.send(TWO, forward(i));
  t.ok(one.link.full(TWO));
  await other.count(2);
  await turn();
  t.equal(other.short, "forward:1 forward:2");
  t.ok(one.link.full(TWO), "they are on their way until it says that they are dealt with");
  other.consume(each);
  await other.count(3);
  t.equal(other.short, "forward:1 forward:2 forward:3");
  other.consume(2 * each);
  await other.count(5);
  other.consume(2 * each);
  await other.count(6);
  t.equal(other.short, "forward:1 forward:2 forward:3 forward:4 forward:5 forward:6");
  other.consume(each);
  while (one.link.full(TWO)) await turn();
  t.notOk(one.link.full(TWO));
});

t.test("other messages pass the forwards that wait, and a new forward does not", async (t) => {
  const each = linkMessageBytes(forward(1));
  const { one, other } = played(t, each);
  one.link.send(TWO, forward(1));
  one.link.send(TWO, forward(2));
  one.link.send(TWO, settled(3));
  one.link.send(TWO, { type: "deliver", session: 4, frame: Buffer.alloc(10) });
  one.link.send(TWO, {
    type: "ack",
    recipient: account,
    sender: account,
    message: "cd".repeat(16) as MessageId,
  });
  one.link.send(TWO, { type: "attach", account, session: 5, view: 1 });
  one.link.send(TWO, { type: "detach", account, session: 6 });
  one.link.send(TWO, { type: "live", session: 7 });
  await other.count(7);
  t.equal(other.short, "forward:1 settled:3 deliver:4 ack attach:5 detach:6 live:7");
  const posted = other.batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
  // Room for one, while one waits that was there before.
  other.consume(posted);
  one.link.send(TWO, forward(8));
  await other.count(8);
  t.equal(other.short.split(" ").at(-1), "forward:2");
  other.consume(each);
  await other.count(9);
  t.equal(other.short.split(" ").at(-1), "forward:8");
});

t.test("a forward larger than the window goes when nothing else is on the way", async (t) => {
  const { one, other } = played(t, 1000);
  one.link.send(TWO, forward(1, 5000));
  one.link.send(TWO, forward(2, 5000));
  await other.count(1);
  await turn();
  t.equal(other.short, "forward:1");
  other.consume(linkMessageBytes(forward(1, 5000)));
  await other.count(2);
  t.equal(other.short, "forward:1 forward:2");
});

t.test("a window's worth dealt with is told once, with nothing else to say, and not answered", async (t) => {
  const { one, other } = played(t, 9);
  const bytes = Buffer.alloc(9);
  bytes.writeUInt32BE(5);
  bytes.writeUInt8(6, 4);
  bytes.writeUInt32BE(77, 5);
  other.port.postMessage({ bytes: new Uint8Array(bytes), consumed: 0 });
  await one.count(1);
  t.equal(one.short, "live:77");
  while (other.batches.length === 0) await turn();
  one.link.send(TWO, settled(1));
  await other.count(1);
  t.same(
    other.batches.map(({ consumed }) => consumed),
    [9, 0],
  );
  other.consume(other.batches[1]?.bytes.length ?? 0);
  await turn();
  await turn();
  t.equal(other.batches.length, 2, "or two servers would answer each other for ever");
});

t.test("without a link nothing is sent, and nothing is full", async (t) => {
  const server = new Server(t, 10);
  server.link.send(TWO, forward(1));
  t.notOk(server.link.full(TWO));
  server.link.disconnect(TWO, first);
  t.same([server.heard, server.gone], [[], []]);
});

t.test("a link that is dropped is told of once; what was sent to it, or waited, is forgotten", async (t) => {
  const each = linkMessageBytes(forward(1));
  const { one, other } = played(t, each);
  one.link.send(TWO, forward(1));
  await other.count(1);
  one.link.send(TWO, forward(2));
  one.link.send(TWO, settled(3));
  one.link.disconnect(TWO, first);
  one.link.disconnect(TWO, first);
  one.link.send(TWO, settled(4));
  t.same(one.gone, [TWO]);
  t.notOk(one.link.full(TWO));
  await new Promise((resolve) => other.port.once("close", resolve));
  t.equal(other.short, "forward:1");
});

t.test("a server that starts anew takes nothing over from its earlier start", async (t) => {
  const each = linkMessageBytes(forward(1));
  const { one, other } = played(t, each);
  one.link.send(TWO, forward(1));
  one.link.send(TWO, forward(2));
  await other.count(1);
  // On their way when the new start is linked: they are of a server that is no more.
  other.port.postMessage({ bytes: new Uint8Array(Buffer.from("0000000506000000ff", "hex")), consumed: each });
  const { port1, port2 } = new MessageChannel();
  const anew = new Played(t, port2);
  one.link.connect(TWO, second, port1);
  t.same(one.gone, [TWO]);
  t.notOk(one.link.full(TWO), "its window is its own");
  one.link.send(TWO, forward(3));
  await anew.count(1);
  anew.port.postMessage({ bytes: new Uint8Array(Buffer.from("00000005060000000a", "hex")), consumed: each });
  await one.count(1);
  await turn();
  t.equal(anew.short, "forward:3");
  t.equal(one.short, "live:10");
});

t.test("news that an earlier start is gone leaves the present one alone", async (t) => {
  const { one, two } = pair(t);
  const { port1, port2 } = new MessageChannel();
  one.link.connect(TWO, second, port1);
  two.link.connect(ONE, second, port2);
  t.same(one.gone, [TWO]);
  one.link.disconnect(TWO, first);
  t.same(one.gone, [TWO], "it was told before");
  one.link.send(TWO, settled(1));
  await two.count(1);
  t.equal(two.short, "settled:1");
  one.link.disconnect(TWO, second);
  t.same(one.gone, [TWO, TWO]);
});

t.test("nothing is heard after close, not even the rest of a batch", async (t) => {
  for (const end of ["close", "disconnect"] as const) {
    const one = new Server(t);
    const two: Server = new Server(t, undefined, () => {
      if (end === "close") two.link.close();
      else two.link.disconnect(ONE, first);
    });
    const { port1, port2 } = new MessageChannel();
    one.link.connect(TWO, first, port1);
    two.link.connect(ONE, first, port2);
    for (let i = 1; i <= 3; i++) one.link.send(TWO, settled(i));
    await turn();
    one.link.send(TWO, settled(4));
    await two.count(1);
    await new Promise((resolve) => port1.once("close", resolve));
    t.equal(two.short, "settled:1", end);
    t.same(two.gone, end === "close" ? [] : [ONE], "who closes all knows");
    two.link.send(ONE, settled(5));
    await turn();
    t.equal(one.heard.length, 0);
  }
});

t.test("the slow peer of one does not hold up another", async (t) => {
  const { one, other: slow } = played(t, 50);
  const three = "chat-3" as ServerId;
  const { port1, port2 } = new MessageChannel();
  const quick = new Played(t, port2);
  one.link.connect(three, first, port1);
  for (let i = 1; i <= 3; i++) one.link.send(TWO, forward(i));
  t.ok(one.link.full(TWO));
  t.notOk(one.link.full(three));
  one.link.send(three, forward(9));
  await Promise.all([quick.count(1), slow.count(1)]);
  t.same([slow.short, quick.short], ["forward:1", "forward:9"]);
});
