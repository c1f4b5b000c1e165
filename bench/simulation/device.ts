/** A person's device: its disk, its network, its wall clock, and the process of the client's core that runs on it. */
import type { Client } from "../../src/client/core/client.js";
import type { ClientPorts, Endpoint } from "../../src/client/core/ports.js";
import { FastChatError } from "../../src/protocol/errors.js";
import { Kind, decodeAccepted, frameKind, frameMessage, type AcceptedFrame } from "../../src/protocol/hot.js";
import type { FrameChannel, FrameHandlers } from "../../src/protocol/runtime.js";
import type { MessageId } from "../../src/protocol/ids.js";
import type { Chance } from "./chance.js";
import type { Connection } from "./connection.js";
import { Disk, ProcessStorage } from "./device-storage.js";
import type { Network, Route } from "./network.js";
import { opaqueClient } from "./opaque.js";
import { SimulatedThread } from "./thread.js";
import type { VirtualClock } from "./virtual-clock.js";

/** What passes over the device's connections, for the record. */
export interface WireTap {
  onSend(message: MessageId): void;
  onAccepted(accepted: AcceptedFrame): void;
}

export interface DeviceOptions {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly chance: Chance;
  readonly network: Network;
  readonly balancerPort: number;
  /** How long each half of an act on the disk takes at most, in milliseconds. */
  readonly diskMs: number;
  readonly bufferBytes: number;
  readonly tap: WireTap;
}

export class Device {
  readonly disk = new Disk();
  /** How far its wall clock is ahead of true time, in milliseconds. */
  aheadMs = 0;
  online = true;
  #process: ClientProcess | null = null;
  #processes = 0;

  constructor(readonly options: DeviceOptions) {}

  /** The process that runs on it, if one does. */
  get process(): ClientProcess | null {
    return this.#process;
  }

  /** Starts a process; one that runs must be killed first. */
  start(): ClientProcess {
    if (this.#process !== null) throw new Error(`a process runs on ${this.options.name} already`);
    this.#process = new ClientProcess(this, ++this.#processes);
    return this.#process;
  }

  kill(): void {
    this.#process?.thread.kill();
    this.#process = null;
  }

  /** @param silently connections go deaf, and the device is not told that they do */
  goOffline(silently: boolean): void {
    this.online = false;
    for (const { connection } of this.#process?.routes ?? []) {
      if (silently) connection.vanish();
      else connection.cut();
    }
  }

  goOnline(): void {
    this.online = true;
  }
}

/** What is on the way from one process. */
export class ClientProcess {
  readonly thread: SimulatedThread;
  readonly ports: ClientPorts;
  readonly routes = new Set<Route>();
  /** Set by whoever signs in. */
  client: Client | null = null;
  #reads = true;

  constructor(
    private readonly device: Device,
    readonly run: number,
  ) {
    const { name, clock, chance, network, diskMs, balancerPort } = device.options;
    const thread = new SimulatedThread(`${name} ${run}`, clock, () => device.aheadMs);
    this.thread = thread;
    const own = chance.fork(`process ${run}`);
    const online = (): boolean => device.online && thread.alive;
    this.ports = {
      storage: new ProcessStorage(device.disk, thread, clock, own.fork("disk"), diskMs),
      opaque: opaqueClient,
      random: own.fork("random"),
      clock: thread.clock,
      http: {
        request: (method, path, body, token) =>
          thread.hear(
            network
              // As over the wire: nothing of the service's is shared with a client.
              .request(balancerPort, { method, path, body: copyOf(body), token }, online)
              .then(copyOf),
          ),
      },
      transport: { connect: (endpoint, handlers) => this.#connect(endpoint, handlers) },
    };
    thread.onDeath(() => {
      for (const { connection } of this.routes) connection.client.abandon();
      this.routes.clear();
    });
  }

  /** Whether it takes what its connections bring. */
  get reads(): boolean {
    return this.#reads;
  }

  stopReading(): void {
    this.#reads = false;
    for (const { connection } of this.routes) connection.client.incoming.hold();
  }

  readAgain(): void {
    this.#reads = true;
    for (const { connection } of this.routes) connection.client.incoming.release();
  }

  /** Connections that are open. */
  get connections(): Connection[] {
    return [...this.routes].map(({ connection }) => connection);
  }

  async #connect(endpoint: Endpoint, handlers: FrameHandlers): Promise<FrameChannel> {
    const { network, bufferBytes, tap } = this.device.options;
    const { thread } = this;
    const online = (): boolean => this.device.online && thread.alive;
    const route = await thread.hear(network.connect(endpoint, { run: thread.run, bufferBytes, online }));
    const toChat = route.server.name.startsWith("chat");
    const { client: end } = route.connection;
    if (!online()) {
      end.destroy();
      throw new FastChatError("unreachable", "The device is offline.");
    }
    this.routes.add(route);
    end.handle({
      onFrame: (content) => {
        if (toChat && frameKind(content) === Kind.accepted) tap.onAccepted(decodeAccepted(content));
        handlers.onFrame(content);
      },
      onDrain: () => handlers.onDrain(),
      onClose: (error) => {
        this.routes.delete(route);
        handlers.onClose(error);
      },
    });
    if (!this.#reads) end.incoming.hold();
    return tapped(end, (content) => {
      if (toChat && frameKind(content) === Kind.send) tap.onSend(frameMessage(content));
    });
  }
}

function tapped(channel: FrameChannel, onSend: (content: Uint8Array) => void): FrameChannel {
  return {
    send(content) {
      onSend(content);
      return channel.send(content);
    },
    get queuedBytes() {
      return channel.queuedBytes;
    },
    get congested() {
      return channel.congested;
    },
    admit: () => channel.admit(),
    pause: () => channel.pause(),
    resume: () => channel.resume(),
    close: () => channel.close(),
    destroy: () => channel.destroy(),
  };
}

function copyOf(value: unknown): unknown {
  return value === undefined || value === null ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}
