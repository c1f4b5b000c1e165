/** Frame channels to chat servers and archive, over TLS with the service's pin. */
import { channelOverSocket, type ChannelLimits } from "../../node/tls-channel.js";
import type { FrameChannel, FrameHandlers } from "../../protocol/runtime.js";
import type { Endpoint, Transport } from "../core/ports.js";
import type { ServiceTrust } from "./pin.js";
import { connectTls, type ConnectOptions } from "./tls-connect.js";

export class TlsTransport implements Transport {
  readonly #closing = new AbortController();

  constructor(
    private readonly trust: ServiceTrust,
    private readonly options: ConnectOptions & ChannelLimits,
  ) {}

  async connect(endpoint: Endpoint, handlers: FrameHandlers): Promise<FrameChannel> {
    const socket = await connectTls(endpoint, this.trust, this.options, this.#closing.signal);
    const channel = channelOverSocket(socket, this.options, handlers);
    // A peer that speaks before it is spoken to must not be heard before the caller holds the channel.
    channel.pause();
    setImmediate(() => channel.resume());
    return channel;
  }

  /** Gives up connections that are still being made; channels are closed by whoever asked for them. */
  close(): void {
    this.#closing.abort();
  }
}
