/** Pairs of connected TLS sockets on loopback, and ears for what channels over them say. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type ConnectionOptions, type TLSSocket } from "node:tls";
import { generate } from "selfsigned";
import type { Test } from "tap";
import type { FrameHandlers } from "../../src/protocol/runtime.js";

export interface Keys {
  readonly cert: string;
  readonly key: string;
}

/** A certificate and its key, in PEM. */
export async function makeKeys(): Promise<Keys> {
  const made = await generate([{ name: "commonName", value: "127.0.0.1" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
  });
  return { cert: made.cert, key: made.private };
}

const keys = makeKeys();

/** What a client of these tests needs to connect: nothing here is about whom to trust. */
export function clientOptions(port: number, more: ConnectionOptions = {}): ConnectionOptions {
  return { host: "127.0.0.1", port, rejectUnauthorized: false, ...more };
}

/** Two sockets whose handshake is done. What is left of them ends with the test. */
export async function socketPair(
  t: Test,
  options: { readonly allowHalfOpen?: boolean } = {},
): Promise<{ server: TLSSocket; client: TLSSocket }> {
  const listener = createServer({ ...(await keys), minVersion: "TLSv1.3" });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const accepted = once(listener, "secureConnection");
  // The types know the option for plain sockets only; Node hands it on.
  const client = connect(
    clientOptions((listener.address() as AddressInfo).port, options as ConnectionOptions),
  );
  client.on("error", () => undefined);
  const [[server]] = (await Promise.all([accepted, once(client, "secureConnect")])) as [[TLSSocket], unknown];
  t.teardown(async () => {
    client.destroy();
    server.destroy();
    await new Promise((resolve) => listener.close(resolve));
  });
  return { server, client };
}

/** Hears what a channel tells, and lets a test wait for it. */
export class Ear implements FrameHandlers {
  readonly frames: string[] = [];
  readonly closes: (Error | undefined)[] = [];
  drains = 0;
  #waiting: { readonly heard: () => boolean; readonly resolve: () => void }[] = [];

  /** @param also is called with each frame, after it was noted */
  constructor(private readonly also: (frame: string) => void = () => undefined) {}

  onFrame(content: Uint8Array): void {
    const frame = Buffer.from(content).toString("latin1");
    this.frames.push(frame);
    this.also(frame);
    this.#tell();
  }

  onDrain(): void {
    this.drains++;
    this.#tell();
  }

  onClose(error?: Error): void {
    this.closes.push(error);
    this.#tell();
  }

  /** Resolves once the ear has heard what `heard` asks for. */
  until(heard: () => boolean): Promise<void> {
    if (heard()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ heard, resolve }));
  }

  frameCount(count: number): Promise<void> {
    return this.until(() => this.frames.length >= count);
  }

  closed(): Promise<void> {
    return this.until(() => this.closes.length > 0);
  }

  #tell(): void {
    const met = this.#waiting.filter(({ heard }) => heard());
    this.#waiting = this.#waiting.filter((one) => !met.includes(one));
    for (const { resolve } of met) resolve();
  }
}

/** A frame with its length, made without the protocol's own encoder. */
export function framed(content: string): Buffer {
  const frame = Buffer.alloc(4 + content.length);
  frame.writeUInt32BE(content.length);
  frame.write(content, 4, "latin1");
  return frame;
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
