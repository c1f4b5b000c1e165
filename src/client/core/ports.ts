/** What the client's core needs of the device it runs on; client/node implements it for Node, a browser would beside it. */
import type { Stretching } from "../../protocol/http.js";
import type { Clock, FrameChannel, FrameHandlers, HeldLock, Random } from "../../protocol/runtime.js";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Opens authenticated, encrypted channels; knows the service's pin and refuses another key with `pinMismatch`. */
export interface Transport {
  /** @throws FastChatError `unreachable`, `pinMismatch`, `timeout` */
  connect(endpoint: Endpoint, handlers: FrameHandlers): Promise<FrameChannel>;
}

/** HTTPS to the balancer, with the same pin. */
export interface HttpClient {
  /**
   * @param token session token for the `Authorization: Bearer` header, where the request needs one
   * @returns the JSON body, unchecked
   * @throws FastChatError with the code that the balancer answered, or `unreachable`, `pinMismatch`, `timeout`
   */
  request(method: "GET" | "POST" | "DELETE", path: string, body?: unknown, token?: string): Promise<unknown>;
}

/**
 * The client's side of OPAQUE (RFC 9807). Finishing hashes the password for some hundred milliseconds and so runs
 * off the main thread. Keys and states are opaque strings.
 */
export interface OpaqueClient {
  startRegistration(password: string): Promise<{ state: string; request: string }>;
  finishRegistration(input: {
    readonly name: string;
    readonly password: string;
    readonly state: string;
    readonly response: string;
    readonly stretching: Stretching;
  }): Promise<{ record: string; exportKey: Uint8Array }>;
  startLogin(password: string): Promise<{ state: string; request: string }>;
  /** @returns `null` for a wrong password or an unknown name, which look the same */
  finishLogin(input: {
    readonly name: string;
    readonly password: string;
    readonly state: string;
    readonly response: string;
    readonly stretching: Stretching;
  }): Promise<{ request: string; exportKey: Uint8Array } | null>;
}

/**
 * Small durable files of one account on one device. What is given here is sealed under the device key by the core
 * or is not secret. A returned promise means: on disk, whole or not at all.
 */
export interface DeviceStorage {
  read(name: string): Promise<Uint8Array | null>;
  write(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  /** Names that start with `prefix`, sorted. */
  list(prefix: string): Promise<string[]>;
  /** Runs `work` while no other process or task of this device holds the lock of that name. */
  withLock<T>(name: string, work: (lock: HeldLock) => Promise<T>): Promise<T>;
}

/** Archives in databases that belong to their owners; `address` is as its owner gave it. */
export interface OwnArchives {
  /** Makes sure that the database can be used. @throws FastChatError `badRequest`, `dataNewer`, `unreachable` */
  prepare(address: string): Promise<void>;
  /** A channel that speaks the archive's protocol. @throws FastChatError as {@link prepare} */
  connect(address: string, handlers: FrameHandlers): Promise<FrameChannel>;
}

export interface ClientPorts {
  readonly transport: Transport;
  /** Missing where there is no way to databases, as in a browser. */
  readonly ownArchives?: OwnArchives;
  readonly http: HttpClient;
  readonly opaque: OpaqueClient;
  readonly storage: DeviceStorage;
  readonly clock: Clock;
  readonly random: Random;
}
