/** Who writes to the groups: the real client, which encrypts as people's do, on a device in memory. */
import { generateKeyPairSync } from "node:crypto";
import { Client } from "../../src/client/core/client.js";
import type { Transport } from "../../src/client/core/ports.js";
import { OpaqueWorker } from "../../src/client/node/opaque.js";
import { systemClock, systemRandom } from "../../src/node/clock.js";
import { frameEpoch, frameKind, frameMessage, Kind } from "../../src/protocol/hot.js";
import type { MessageId, UserName } from "../../src/protocol/ids.js";
import { DeviceMemory } from "../load/device-memory.js";
import type { Connections } from "../service/connections.js";

const OPTIONS = { acceptWeakStretching: true, sendPatienceMs: 60_000 };

/** A message to a group, with what it took, in milliseconds. */
export interface Written {
  readonly message: MessageId;
  readonly frameBytes: number;
  /** Until it was encrypted and handed to the connection. */
  readonly handedOverMs: number;
  /** Until the service had accepted it for all. */
  readonly acceptedMs: number;
}

export class Author {
  readonly #opaque = new OpaqueWorker();
  #client: Client | null = null;
  /** Told of the first frame that leaves to a group. */
  #onFrame: (frame: Uint8Array) => void = () => undefined;

  private constructor() {}

  static async signUp(connections: Connections): Promise<Author> {
    const author = new Author();
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "der" },
      privateKeyEncoding: { type: "pkcs8", format: "der" },
    });
    const ports = {
      transport: author.#watched(connections.transport()),
      http: connections.http(),
      opaque: author.#opaque,
      storage: new DeviceMemory(),
      clock: systemClock,
      random: systemRandom,
    };
    const registration = {
      name: "author",
      password: "simulated people need no secret",
      deviceLabel: "bench",
      encryptionKey: new Uint8Array(privateKey),
    };
    author.#client = await Client.register(ports, registration, OPTIONS);
    return author;
  }

  async createGroup(title: string, names: readonly UserName[]): Promise<void> {
    await this.#signedUp.groups.create(title, names);
  }

  /** @param onHandedOver told the message's id before it can have come anywhere */
  async write(title: string, text: string): Promise<Written> {
    const began = performance.now();
    let handedOverMs = 0;
    let frameBytes = 0;
    let message: MessageId | null = null;
    this.#onFrame = (frame) => {
      handedOverMs = performance.now() - began;
      frameBytes = frame.length;
      message = frameMessage(frame);
      this.#onFrame = () => undefined;
    };
    await this.#signedUp.send(`#${title}`, text);
    const acceptedMs = performance.now() - began;
    if (message === null) throw new Error("a message was accepted that never left");
    return { message, frameBytes, handedOverMs, acceptedMs };
  }

  async close(): Promise<void> {
    await this.#client?.close();
    await this.#opaque.close();
  }

  get #signedUp(): Client {
    if (this.#client === null) throw new Error("the author has no account");
    return this.#client;
  }

  #watched(transport: Transport): Transport {
    return {
      connect: async (endpoint, handlers) => {
        const channel = await transport.connect(endpoint, handlers);
        const send = channel.send.bind(channel);
        channel.send = (frame) => {
          if (frameKind(frame) === Kind.send && frameEpoch(frame) > 0) this.#onFrame(frame);
          return send(frame);
        };
        return channel;
      },
    };
  }
}
