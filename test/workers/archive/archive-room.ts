/** An archive server in this thread, in virtual time, over channels in memory; and clients that speak to it by hand. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { MemoryArchive } from "../../../bench/simulation/memory-archive.js";
import { VirtualClock } from "../../../bench/simulation/virtual-clock.js";
import { readConfig, type Config } from "../../../src/config.js";
import { verifySignature } from "../../../src/crypto/signature.js";
import { rawEd25519PublicKey } from "../../../src/node/grant-keys.js";
import {
  archiveReplies,
  archiveRequests,
  type ArchiveReply,
  type ArchiveRequest,
} from "../../../src/protocol/archive.js";
import { VOUCHER_LABEL, encodeVoucherClaims } from "../../../src/protocol/grants.js";
import type { ArchiveId } from "../../../src/protocol/ids.js";
import type { Log } from "../../../src/protocol/runtime.js";
import type { ArchiveStore } from "../../../src/store/archive.js";
import type { FileStore } from "../../../src/store/files.js";
import { createArchiveServer, type ArchiveServer } from "../../../src/workers/archive/archive-server.js";
import { memoryChannel, type MemoryEnd } from "../../../src/node/memory-channel.js";
import { randomArchive } from "../../store/archive-contract.js";

const config = readConfig("config/globals.json", [], ".");

type Without<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never;
export type Asked = Without<ArchiveRequest, "ref">;
export type ReplyOf<Type extends ArchiveReply["type"]> = Extract<ArchiveReply, { type: Type }>;

export interface RoomOptions {
  readonly limits?: Partial<Config["limits"]>;
  readonly timeouts?: Partial<Config["timeouts"]>;
  /** None if missing. */
  readonly files?: FileStore;
  /** Stands between the server and the room's memory. */
  readonly around?: (memory: MemoryArchive) => ArchiveStore;
}

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: object;
  readonly message: string;
}

/** Waits until something has become true, turn by turn. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

export class ArchiveRoom {
  readonly clock = new VirtualClock();
  readonly memory = new MemoryArchive();
  readonly log: LogLine[] = [];
  readonly limits: Config["limits"];
  readonly timeouts: Config["timeouts"];
  readonly server: ArchiveServer;
  readonly #grantKey = generateKeyPairSync("ed25519", {
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });

  constructor(options: RoomOptions = {}) {
    this.limits = { ...config.limits, ...options.limits };
    // Longer than any test lets a client be silent that is not about silence.
    this.timeouts = { ...config.timeouts, idleMs: 20_000, ...options.timeouts };
    const key = rawEd25519PublicKey(this.#grantKey.publicKey);
    this.server = createArchiveServer({
      store: options.around?.(this.memory) ?? this.memory,
      ...(options.files === undefined ? {} : { files: options.files }),
      limits: this.limits,
      timeouts: this.timeouts,
      clock: this.clock,
      timeOfDay: () => this.clock.now(),
      log: this.#logger(),
      verifySignature: (label, claims, signature) => verifySignature(key, label, claims, signature),
      soon: (callback) => void setImmediate(callback),
    });
  }

  connect(): ArchiveClient {
    const [server, client] = memoryChannel({ bufferBytes: this.limits.socketBufferBytes });
    server.handle(this.server.accept(server));
    return new ArchiveClient(client, server);
  }

  /** Makes an archive and returns a client that has it open. */
  async opened(): Promise<{ client: ArchiveClient; archive: ArchiveId; token: Uint8Array }> {
    const client = this.connect();
    const [archive, token] = [randomArchive(), randomBytes(32)];
    await client.ask({ type: "create", voucher: this.voucher(), archive, token }, "opened");
    return { client, archive, token };
  }

  /** A voucher as the balancer makes it: claims, then the signature over label, a zero byte and claims. */
  voucher({
    expiresAt = this.clock.now() + this.timeouts.voucherMs,
    label = VOUCHER_LABEL,
    privateKey = this.#grantKey.privateKey,
    claims = encodeVoucherClaims({ expiresAt, nonce: randomBytes(16) }),
  } = {}): Uint8Array {
    const signed = Buffer.concat([Buffer.from(label), Buffer.alloc(1), claims]);
    return Buffer.concat([claims, sign(null, signed, createPrivateKey(privateKey))]);
  }

  #logger(): Log {
    const at = (level: LogLine["level"]) => (fields: object, message: string) =>
      void this.log.push({ level, fields, message });
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }
}

export class ArchiveClient {
  #ref = 0;
  readonly #waiting = new Map<number, (reply: ArchiveReply) => void>();
  /** Resolves once the connection is closed. */
  readonly closed: Promise<Error | undefined>;
  /** Replies in the order they came. */
  readonly replies: ArchiveReply[] = [];

  /**
   * @param end the client's
   * @param serverEnd the other one, to look at
   */
  constructor(
    readonly end: MemoryEnd,
    readonly serverEnd: MemoryEnd,
  ) {
    this.closed = new Promise((resolve) => {
      end.handle({
        onFrame: (content) => {
          const reply = archiveReplies.decode(content);
          this.replies.push(reply);
          this.#waiting.get(reply.ref)?.(reply);
        },
        onDrain: () => undefined,
        onClose: resolve,
      });
    });
  }

  /** Asks, and expects a reply of that type. */
  async ask<Type extends ArchiveReply["type"]>(request: Asked, type: Type): Promise<ReplyOf<Type>> {
    const reply = await this.request(request);
    if (reply.type !== type) throw new Error(`${JSON.stringify(reply)} instead of ${type}`);
    return reply as ReplyOf<Type>;
  }

  /** Asks; whatever the reply. */
  request(request: Asked): Promise<ArchiveReply> {
    const ref = ++this.#ref;
    return new Promise((resolve) => {
      this.#waiting.set(ref, resolve);
      this.end.send(archiveRequests.encode({ ...request, ref }));
    });
  }

  /** Asks for something that is to fail, and returns the code. */
  async failure(request: Asked): Promise<string> {
    return (await this.ask(request, "failed")).code;
  }
}
