/**
 * The baseline: TLS sockets and MessagePorts over the same hops, with the same gathering of one turn's bytes, and
 * nothing else. A connection says once which pair it is of and in which role; from then on its bytes go the pair's
 * way as they come, unread.
 */
import { createServer, type TLSSocket } from "node:tls";
import type { AddressInfo } from "node:net";
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { GatherBuffer } from "../../src/node/gather-buffer.js";
import { atTickEnd } from "../../src/node/tick.js";
import type { RelayLink, RelayThreadData } from "./thread-messages.js";

/** Of a link's message: u16 pair, u8 step on its way, u32 length. */
const PREFIX_BYTES = 7;

const { index, plan, tls } = workerData as RelayThreadData;
const links = new Map<number, Gatherer>();
const sockets = new Map<string, Gatherer>();

/** Gathers one turn's bytes and writes them once. */
class Gatherer {
  readonly #gathered = new GatherBuffer();
  #flushing = false;

  constructor(private readonly write: (bytes: Buffer<ArrayBuffer>) => void) {}

  reserve(length: number): { bytes: Buffer<ArrayBuffer>; offset: number } {
    if (!this.#flushing) {
      this.#flushing = true;
      atTickEnd(() => {
        this.#flushing = false;
        this.write(this.#gathered.take());
      });
    }
    return this.#gathered.reserve(length);
  }
}

/**
 * Sends bytes one step on. From a sender the steps are: home (0), the recipient's server (1), its socket (2); back
 * from a recipient: home (3), the sender's server (4), its socket (5).
 */
function pass(pair: number, step: number, chunk: Uint8Array): void {
  const path = plan.pairs[pair]?.path;
  if (path === undefined) return;
  const target = [path[1], path[2], null, path[1], path[0], null][step];
  if (target === null || target === undefined) {
    const { bytes, offset } =
      sockets.get(`${pair} ${step === 2 ? "recipient" : "sender"}`)?.reserve(chunk.length) ?? {};
    bytes?.set(chunk, offset);
  } else if (target === index) {
    pass(pair, step + 1, chunk);
  } else {
    const { bytes, offset } = links.get(target)?.reserve(PREFIX_BYTES + chunk.length) ?? { offset: 0 };
    if (bytes === undefined) return;
    bytes.writeUInt16BE(pair, offset);
    bytes[offset + 2] = step + 1;
    bytes.writeUInt32BE(chunk.length, offset + 3);
    bytes.set(chunk, offset + PREFIX_BYTES);
  }
}

function connectionOnServer(socket: TLSSocket): void {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.once("data", (hello: Buffer) => {
    const pair = hello.readUInt16BE(4);
    const role = hello[6] === 0 ? "sender" : "recipient";
    sockets.set(`${pair} ${role}`, new Gatherer((bytes) => socket.write(bytes)));
    socket.on("data", (chunk: Buffer) => pass(pair, role === "sender" ? 0 : 3, chunk));
    // As long as the welcome and live of the real one, so that the client need not know whom it talks to.
    socket.write(Buffer.from([0, 0, 0, 1, 1, 0, 0, 0, 1, 1]));
  });
}

const server = createServer({ ...tls, minVersion: "TLSv1.3" }, connectionOnServer);
server.listen(0, "127.0.0.1", () => parentPort?.postMessage((server.address() as AddressInfo).port));
parentPort?.on("message", ({ index: peer, port }: RelayLink) => linkTo(peer, port));

function linkTo(peer: number, port: MessagePort): void {
  links.set(peer, new Gatherer((bytes) => port.postMessage(bytes, [bytes.buffer])));
  port.on("message", (posted: Uint8Array<ArrayBuffer>) => {
    const batch = Buffer.from(posted.buffer, posted.byteOffset, posted.byteLength);
    for (let offset = 0; offset < batch.length;) {
      const end = offset + PREFIX_BYTES + batch.readUInt32BE(offset + 3);
      pass(
        batch.readUInt16BE(offset),
        batch[offset + 2] as number,
        batch.subarray(offset + PREFIX_BYTES, end),
      );
      offset = end;
    }
  });
}
