/** The lightest client there can be: a socket with frames, split as they come, written once a turn. */
import { connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { GatherBuffer } from "../../src/node/gather-buffer.js";
import { atTickEnd } from "../../src/node/tick.js";
import { fromBase64Url } from "../../src/protocol/bytes.js";
import { PROTOCOL_VERSION, clientMessages, serverMessages } from "../../src/protocol/chat.js";
import { FrameSplitter, LENGTH_BYTES } from "../../src/protocol/frame.js";
import { HOT_HEADER_BYTES, Kind } from "../../src/protocol/hot.js";
import type { Placement } from "../../src/protocol/http.js";

/** One for all lines, as the real client has it: a context of one's own costs more than the handshake. */
const anyCertificate = createSecureContext();

/** Well within the time after which silence means death, in milliseconds. */
const PING_MS = 2000;

export class Line {
  onFrame: (frame: Uint8Array) => void = () => {};
  readonly #gathered = new GatherBuffer();
  #flushing = false;

  constructor(readonly socket: TLSSocket) {
    const splitter = new FrameSplitter(1 << 20);
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => splitter.push(chunk, (frame) => this.onFrame(frame)));
  }

  /** The bytes are copied before it returns. */
  send(content: Uint8Array): void {
    const { bytes, offset } = this.#gathered.reserve(LENGTH_BYTES + content.length);
    bytes.writeUInt32BE(content.length, offset);
    bytes.set(content, offset + LENGTH_BYTES);
    if (this.#flushing) return;
    this.#flushing = true;
    atTickEnd(() => {
      this.#flushing = false;
      if (!this.socket.destroyed) this.socket.write(this.#gathered.take());
    });
  }
}

/**
 * Connects to a server of this machine, whose certificate is not looked at unless `secureContext` says so.
 *
 * @param frames resolves once so many have come
 */
export async function openLine(
  port: number,
  hello: Uint8Array,
  frames: number,
  secureContext?: SecureContext,
): Promise<Line> {
  const socket = connect({
    host: "127.0.0.1",
    port,
    secureContext: secureContext ?? anyCertificate,
    rejectUnauthorized: secureContext !== undefined,
    checkServerIdentity: () => undefined,
  });
  const line = new Line(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the server closed a connection that was being made")));
    line.onFrame = () => {
      if (--frames === 0) resolve();
    };
    line.send(hello);
  });
  return line;
}

/**
 * Opens a session with a chat server, and speaks every now and then so that nobody takes it for dead.
 *
 * @param attach whether messages shall be delivered there
 * @returns once it is welcome and, attached, has got what waited
 */
export async function openSession(placement: Placement, attach: boolean): Promise<Line> {
  const ticket = fromBase64Url(placement.ticket);
  if (ticket === null) throw new Error("the balancer gave a ticket that is not of its form");
  const hello = clientMessages.encode({ type: "hello", version: PROTOCOL_VERSION, ticket, attach });
  const line = await openLine(placement.server.port, hello, attach ? 2 : 1);
  let ref = 0;
  const pings = setInterval(() => line.send(clientMessages.encode({ type: "ping", ref: ref++ })), PING_MS);
  line.socket.once("close", () => clearInterval(pings));
  return line;
}

/** Acknowledges a delivery. */
export function acknowledge(line: Line, frame: Uint8Array): void {
  const ack = Buffer.from(frame.subarray(0, HOT_HEADER_BYTES));
  ack[0] = Kind.ack;
  ack.writeUInt16BE(0, 2);
  line.send(ack);
}

/** @throws Error where the frame is a server's goodbye in the middle of a measurement */
export function expectNoClosing(frame: Uint8Array): void {
  if (frame[0] !== Kind.control) return;
  const message = serverMessages.decode(frame);
  if (message.type === "closing") {
    throw new Error(`the server ended a session with ${message.code}: ${message.message}`);
  }
}
