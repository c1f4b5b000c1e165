/** Chat servers in one thread, in virtual time: links and sockets deliver when the test says so. */
import { randomBytes } from "node:crypto";
import { MemoryDeliveries } from "../../../bench/simulation/memory-deliveries.js";
import { MemoryGroups } from "../../../bench/simulation/memory-groups.js";
import { VirtualClock } from "../../../bench/simulation/virtual-clock.js";
import { readConfig } from "../../../src/config.js";
import {
  PROTOCOL_VERSION,
  clientMessages,
  serverMessages,
  type ServerMessage,
} from "../../../src/protocol/chat.js";
import { toHex, utf8 } from "../../../src/protocol/bytes.js";
import {
  Kind,
  decodeAccepted,
  decodeSend,
  encodeAck,
  encodeSend,
  frameKind,
  type AcceptedFrame,
  type SendFrame,
} from "../../../src/protocol/hot.js";
import type { AccountId, DeviceId, Incarnation, MessageId, ServerId } from "../../../src/protocol/ids.js";
import {
  linkMessageBytes,
  readLinkMessages,
  writeLinkMessage,
  type LinkMessage,
} from "../../../src/protocol/link.js";
import type { FrameChannel, FrameHandlers, Log } from "../../../src/protocol/runtime.js";
import type { ToBalancer } from "../../../src/protocol/threads.js";
import { homeOf, type View } from "../../../src/protocol/view.js";
import { ChatServer } from "../../../src/workers/chat/chat-server.js";
import type { Link } from "../../../src/workers/chat/link.js";
import { FastChatError } from "../../../src/protocol/errors.js";

/** As shipped; but people here send no heartbeats, and wait out other times than that of silence. */
export const config = readConfig(
  "config/globals.json",
  [{ key: "timeouts.idleMs", value: 20_000, source: "test" }],
  ".",
);

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

export function account(name: string): AccountId {
  return toHex(utf8(name.padEnd(16, "_")), 0, 16) as AccountId;
}

function random16<T>(): T {
  return toHex(randomBytes(16)) as T;
}

interface Member {
  readonly id: ServerId;
  readonly incarnation: Incarnation;
  readonly server: ChatServer;
  alive: boolean;
}

export class Cluster {
  readonly clock = new VirtualClock();
  readonly store = new MemoryDeliveries((id) => this.accounts.has(id));
  readonly groups = new MemoryGroups();
  readonly accounts = new Set<AccountId>();
  readonly members = new Map<ServerId, Member>();
  readonly toBalancer: { server: ServerId; message: ToBalancer }[] = [];
  view: View = { number: 0, members: [] };
  /** Messages between servers that are on their way, in order. */
  readonly wire: { from: Member; to: ServerId; message: LinkMessage }[] = [];
  readonly fullLinks = new Set<ServerId>();
  #soon: (() => void)[] = [];

  constructor(
    servers: number,
    private readonly limits: Partial<typeof config.limits> = {},
  ) {
    for (let i = 1; i <= servers; i++) this.start(`chat-${i}` as ServerId);
  }

  start(id: ServerId): Member {
    const incarnation = random16<Incarnation>();
    const link: Link = {
      send: (to, message) => this.wire.push({ from: member, to, message: copy(message) }),
      full: (to) => this.fullLinks.has(to),
      peers: () => [...this.members.keys()].filter((other) => other !== id),
    };
    const server = new ChatServer({
      id,
      incarnation,
      limits: { ...config.limits, ...this.limits },
      timeouts: config.timeouts,
      store: this.store,
      groups: this.groups,
      link,
      clock: this.clock,
      random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
      log: silent,
      soon: (callback) => this.#soon.push(callback),
      tellBalancer: (message) => this.toBalancer.push({ server: id, message }),
      tickets: {
        // Here a ticket is the account and the device in plain; tickets.test.ts is about real ones.
        verify: async (ticket) => {
          const text = toHex(ticket);
          if (ticket.length !== 32) throw new FastChatError("badTicket", "The ticket is not one.");
          return {
            account: text.slice(0, 32) as AccountId,
            device: text.slice(32) as DeviceId,
            server: id,
            incarnation,
            expiresAt: 0,
            nonce: new Uint8Array(16),
          };
        },
      },
    });
    const member: Member = { id, incarnation, server, alive: true };
    this.members.set(id, member);
    return member;
  }

  server(id: string): Member {
    const member = this.members.get(id as ServerId);
    if (member === undefined) throw new Error(`no server ${id}`);
    return member;
  }

  /** Ends a server as a killed thread ends: nothing it had in memory, on its links or its sockets is left. */
  kill(id: string): void {
    const member = this.server(id);
    member.alive = false;
    this.members.delete(member.id);
    for (const other of this.members.values()) other.server.peerGone(member.id);
  }

  /** Moves the system to the view of the servers that are alive: prepare everywhere, then activate everywhere. */
  async changeView(): Promise<void> {
    const members = [...this.members.values()].map(({ id, incarnation }) => ({ id, incarnation }));
    this.view = { number: this.view.number + 1, members };
    const prepared = Promise.all([...this.members.values()].map(({ server }) => server.prepare(this.view)));
    await this.settle();
    await prepared;
    for (const { server } of this.members.values()) server.activate(this.view);
    await this.settle();
  }

  get unsettled(): number {
    const runtime = { loopDelayP99Ms: 0, utilization: 0 };
    return [...this.members.values()].reduce((sum, { server }) => sum + server.report(runtime).unsettled, 0);
  }

  homeOf(id: AccountId): string {
    return homeOf(this.view, id)?.id ?? "nowhere";
  }

  /** An account's name such that its home is the given server. */
  accountAt(id: string, prefix: string): AccountId {
    for (let i = 0; ; i++) {
      const candidate = account(`${prefix}${i}`);
      if (this.homeOf(candidate) === id) {
        this.accounts.add(candidate);
        return candidate;
      }
    }
  }

  /** Runs until nothing is left to do without time passing. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 5;) {
      const work = this.#soon.length + this.wire.length;
      await this.settleOnce();
      idle = work + this.#soon.length + this.wire.length === 0 ? idle + 1 : 0;
    }
  }

  /** One turn: what servers put off, and what is on the way between them. */
  async settleOnce(): Promise<void> {
    for (const callback of this.#soon.splice(0)) callback();
    for (const { from, to, message } of this.wire.splice(0)) {
      const target = this.members.get(to);
      if (from.alive && target !== undefined) target.server.linkMessage(from.id, message);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      this.clock.advance(Math.min(500, ms - passed));
      await this.settle();
    }
  }

  /** Connects a client that speaks frames; with `attach` it takes deliveries. */
  async connect(id: AccountId, server: string, attach = true): Promise<FakeClient> {
    this.accounts.add(id);
    const client = new FakeClient(id, this.server(server).server);
    client.control({ type: "hello", version: PROTOCOL_VERSION, ticket: ticketOf(id), attach });
    await this.settle();
    return client;
  }
}

export function ticketOf(id: AccountId): Uint8Array {
  return Buffer.concat([Buffer.from(id, "hex"), randomBytes(16)]);
}

/** As over a link: by its bytes. */
export function copy(message: LinkMessage): LinkMessage {
  const bytes = Buffer.alloc(linkMessageBytes(message));
  writeLinkMessage(bytes, 0, message);
  let read = message;
  readLinkMessages(bytes, (one) => (read = one));
  return read;
}

/** The client's end of a connection: keeps what it was sent. */
export class FakeClient {
  readonly controls: ServerMessage[] = [];
  readonly delivered: SendFrame[] = [];
  readonly accepted: AcceptedFrame[] = [];
  closed = false;
  /** Answers of `send`; false makes the server take this client for one that does not read. */
  reads = true;
  /** Whether the server takes frames of their full size from it. */
  admitted = false;
  paused = false;
  /** `null` while the server is still being told of the connection. */
  #handlers: FrameHandlers | null = null;

  constructor(
    readonly account: AccountId,
    server: ChatServer,
  ) {
    const channel: FrameChannel = {
      send: (content) => {
        this.#frameFromServer(Buffer.from(content));
        return this.reads;
      },
      queuedBytes: 0,
      congested: false,
      admit: () => (this.admitted = true),
      pause: () => (this.paused = true),
      resume: () => (this.paused = false),
      close: () => this.disconnect(),
      destroy: () => this.disconnect(),
    };
    this.#handlers = server.accept(channel);
  }

  control(message: Parameters<typeof clientMessages.encode>[0]): void {
    this.frame(clientMessages.encode(message));
  }

  frame(content: Uint8Array): void {
    this.#handlers?.onFrame(Buffer.from(content));
  }

  drain(): void {
    this.reads = true;
    this.#handlers?.onDrain();
  }

  /** Sends a message whose envelope is a text, and whose wrapped keys are the recipients' ids. */
  send(to: AccountId | readonly AccountId[], text: string, id: MessageId = random16<MessageId>()): MessageId {
    const recipients = typeof to === "string" ? [to] : to;
    this.frame(
      encodeSend(Kind.send, {
        epoch: 0,
        message: id,
        account: this.account,
        conversation: "c".repeat(64) as SendFrame["conversation"],
        keys: recipients.map((recipient) => ({ recipient, key: Buffer.from(recipient, "hex") })),
        envelope: utf8(text),
      }),
    );
    return id;
  }

  /** Acknowledges what was delivered and is not acknowledged yet. */
  acknowledge(count = Infinity): void {
    const end = Math.min(this.delivered.length, this.#acknowledged + count);
    for (; this.#acknowledged < end; this.#acknowledged++) {
      const message = this.delivered[this.#acknowledged];
      if (message !== undefined) this.frame(encodeAck(message));
    }
  }
  #acknowledged = 0;

  disconnect(): void {
    if (this.closed) return;
    this.closed = true;
    this.#handlers?.onClose();
  }

  get texts(): string[] {
    return this.delivered.map(({ envelope }) => new TextDecoder().decode(envelope));
  }

  get isLive(): boolean {
    return this.controls.some(({ type }) => type === "live");
  }

  get closing(): string | undefined {
    return this.controls.flatMap((message) => (message.type === "closing" ? [message.code] : [])).at(-1);
  }

  #frameFromServer(frame: Uint8Array): void {
    switch (frameKind(frame)) {
      case Kind.control:
        this.controls.push(serverMessages.decode(frame));
        return;
      case Kind.deliver:
        this.delivered.push(decodeSend(frame));
        return;
      case Kind.accepted:
        this.accepted.push(decodeAccepted(frame));
        return;
      case Kind.send:
      case Kind.ack:
      case null:
        throw new Error("a server does not send frames of this kind");
    }
  }
}
