/** What simulated people see of their servers' load. */
import t from "tap";
import type { HttpClient, Transport } from "../../../src/client/core/ports.js";
import { Kind } from "../../../src/protocol/hot.js";
import { PATHS } from "../../../src/protocol/http.js";
import type { FrameChannel, FrameHandlers } from "../../../src/protocol/runtime.js";
import { togetherSeen, Traffic } from "../../../bench/load/traffic.js";

const CHAT = { host: "127.0.0.1", port: 7001 };
const ARCHIVE = { host: "127.0.0.1", port: 7002 };

const balancer: HttpClient = {
  request: () =>
    Promise.resolve({
      server: { id: "chat-2", ...CHAT },
      archive: ARCHIVE,
      ticket: "dGlja2V0",
      validMs: 60_000,
    }),
};

function frame(kind: number, length: number): Uint8Array {
  const content = new Uint8Array(length);
  content[0] = kind;
  return content;
}

/** Takes whatever is sent, and says what it is told to. */
class Wire implements Transport {
  readonly sent: number[] = [];
  handlers: FrameHandlers | null = null;

  connect(_endpoint: unknown, handlers: FrameHandlers): Promise<FrameChannel> {
    this.handlers = handlers;
    return Promise.resolve({
      send: (content: Uint8Array) => this.sent.push(content.length) > 0,
      queuedBytes: 0,
      congested: false,
      admit: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      close: () => undefined,
      destroy: () => undefined,
    });
  }
}

const heard: number[] = [];
const handlers: FrameHandlers = {
  onFrame: (content) => void heard.push(content.length),
  onDrain: () => undefined,
  onClose: () => undefined,
};

t.test(
  "messages and bytes of chat servers are counted as the servers count them, and passed on",
  async (t) => {
    const traffic = new Traffic();
    const wire = new Wire();
    const transport = traffic.counting(wire);
    await traffic.learning(balancer).request("POST", PATHS.place);
    const channel = await transport.connect(CHAT, handlers);
    for (const [kind, length] of [
      [Kind.send, 300],
      [Kind.ack, 90],
      [Kind.control, 20],
    ] as const) {
      channel.send(frame(kind, length));
    }
    for (const [kind, length] of [
      [Kind.deliver, 310],
      [Kind.deliver, 290],
      [Kind.accepted, 80],
    ] as const) {
      wire.handlers?.onFrame(frame(kind, length));
    }
    const seen = { messagesIn: 1, bytesIn: 300, messagesOut: 2, bytesOut: 600 };
    t.same(traffic.seen, { "chat-2": { connections: 1, ...seen } });
    t.same(
      [wire.sent, heard],
      [
        [300, 90, 20],
        [310, 290, 80],
      ],
    );
    wire.handlers?.onClose();
    t.same(traffic.seen, { "chat-2": { connections: 0, ...seen } });
  },
);

t.test("who was never placed on is no chat server", async (t) => {
  const traffic = new Traffic();
  await traffic.learning(balancer).request("POST", PATHS.place);
  const archive = await traffic.counting(new Wire()).connect(ARCHIVE, handlers);
  archive.send(frame(Kind.send, 100));
  t.same(traffic.seen, {});
});

t.test("what several threads saw is added up by server", async (t) => {
  const one = { connections: 2, messagesIn: 10, messagesOut: 20, bytesIn: 30, bytesOut: 40 };
  t.same(togetherSeen([{ "chat-1": one }, { "chat-1": one, "chat-2": one }, {}]), {
    "chat-1": { connections: 4, messagesIn: 20, messagesOut: 40, bytesIn: 60, bytesOut: 80 },
    "chat-2": one,
  });
});
