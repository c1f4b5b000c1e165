/** Who listens where, and the way there: TCP connections for frames, exchanges for the balancer's HTTPS. */
import type { Endpoint } from "../../src/client/core/ports.js";
import { FastChatError } from "../../src/protocol/errors.js";
import type { FrameChannel, FrameHandlers } from "../../src/protocol/runtime.js";
import type { Chance } from "./chance.js";
import { Connection } from "./connection.js";
import type { Run } from "./queue.js";
import type { SimulatedThread } from "./thread.js";
import type { VirtualClock } from "./virtual-clock.js";

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly token: string | undefined;
}

export type Listener = { readonly thread: SimulatedThread } & (
  | {
      readonly kind: "frames";
      readonly bufferBytes: number;
      accept(channel: FrameChannel): FrameHandlers;
    }
  | { readonly kind: "http"; answer(request: HttpRequest): Promise<unknown> }
);

export interface NetworkOptions {
  readonly clock: VirtualClock;
  readonly chance: Chance;
  /** How long anything takes from one machine to another at most, in milliseconds. */
  readonly delayMs: number;
}

/** A device's connection to a listener. */
export interface Route {
  readonly connection: Connection;
  readonly server: SimulatedThread;
}

/** How long connecting and the handshake may take, in milliseconds, as src/client/node has it. */
const CONNECT_MS = 10_000;
/** How long a whole request may take, in milliseconds, as src/client/node has it. */
const REQUEST_MS = 15_000;
export const HOST = "127.0.0.1";

export class Network {
  readonly #listeners = new Map<number, Listener>();
  #nextPort = 40_000;

  constructor(private readonly options: NetworkOptions) {}

  /** @param port 0 for any free one */
  listen(port: number, listener: Listener): { readonly host: string; readonly port: number } {
    const bound = port === 0 ? this.#nextPort++ : port;
    this.#listeners.set(bound, listener);
    listener.thread.onDeath(() => {
      if (this.#listeners.get(bound) === listener) this.#listeners.delete(bound);
    });
    return { host: HOST, port: bound };
  }

  /** Stops listening; what is open stays open. */
  close(listener: Listener): void {
    for (const [port, known] of this.#listeners) if (known === listener) this.#listeners.delete(port);
  }

  /**
   * Connects. Both ends' handlers run in their threads; the client's are given once the promise is kept.
   *
   * @param client the client's process
   * @throws FastChatError `unreachable`, `timeout`
   */
  async connect(
    endpoint: Endpoint,
    client: { readonly run: Run; readonly bufferBytes: number; readonly online: () => boolean },
  ): Promise<Route> {
    await this.#travel();
    if (!client.online()) throw unreachable();
    const listener = this.#listeners.get(endpoint.port);
    if (listener?.kind !== "frames") throw unreachable();
    const { clock, chance, delayMs } = this.options;
    let over = false;
    const route = await this.#within(
      CONNECT_MS,
      listener.thread,
      () =>
        new Promise<Route>((resolve) => {
          listener.thread.run(() => {
            const connection = new Connection({
              clock,
              chance: chance.fork(`connection ${chance.next()}`),
              delayMs,
              client,
              server: { run: listener.thread.run, bufferBytes: listener.bufferBytes },
            });
            connection.server.handle(listener.accept(connection.server));
            listener.thread.onDeath(() => connection.server.abandon());
            if (over) connection.client.destroy();
            else resolve({ connection, server: listener.thread });
          });
        }),
    ).finally(() => {
      // A hung server may take the connection when nobody waits for it any more.
      over = true;
    });
    await this.#travel();
    return route;
  }

  /** @throws FastChatError what the balancer answers; `unreachable`, `timeout` */
  async request(port: number, request: HttpRequest, online: () => boolean): Promise<unknown> {
    await this.#travel();
    if (!online()) throw unreachable();
    const listener = this.#listeners.get(port);
    if (listener?.kind !== "http") throw unreachable();
    const { thread } = listener;
    const answer = await this.#within(
      REQUEST_MS,
      thread,
      () =>
        new Promise<unknown>((resolve, reject) => {
          thread.run(() => void thread.hear(listener.answer(request)).then(resolve, reject));
        }),
    );
    await this.#travel();
    if (!online()) throw unreachable();
    return answer;
  }

  /** Waits for a thread to do something, which it will not if it dies, and not soon while it hangs. */
  #within<T>(ms: number, thread: SimulatedThread, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.options.clock.after(ms, () =>
        reject(new FastChatError("timeout", "The service did not answer in time.")),
      );
      thread.onDeath(() => reject(unreachable()));
      work()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  #travel(): Promise<void> {
    const { clock, chance, delayMs } = this.options;
    return new Promise((resolve) => clock.arrive(chance.between(0, delayMs), resolve));
  }
}

function unreachable(): FastChatError {
  return new FastChatError("unreachable", "Nothing listens there.");
}
