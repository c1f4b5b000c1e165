/** The lightest client there can be: a socket with frames, split as they come, written once a turn. */
import { connect, type SecureContext, type TLSSocket } from "node:tls";
import { GatherBuffer } from "../../src/node/gather-buffer.js";
import { atTickEnd } from "../../src/node/tick.js";
import { FrameSplitter, LENGTH_BYTES } from "../../src/protocol/frame.js";
import { Kind } from "../../src/protocol/hot.js";

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
    ...(secureContext === undefined ? { rejectUnauthorized: false } : { secureContext }),
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

/** @throws Error where a server says goodbye in the middle of a measurement; answers of other kinds are its caller's */
export function expectNoClosing(frame: Uint8Array): void {
  if (frame[0] !== Kind.control) return;
  throw new Error(`the server ended a session: ${Buffer.from(frame).toString("latin1")}`);
}
