/** Listens for frame channels over TLS 1.3. */
import { createServer } from "node:tls";
import type { AddressInfo } from "node:net";
import { FastChatError } from "../protocol/errors.js";
import type { FrameChannel, FrameHandlers } from "../protocol/runtime.js";
import type { Listening } from "../protocol/threads.js";
import { channelOverSocket, type ChannelLimits } from "./tls-channel.js";

export interface FrameServerOptions extends ChannelLimits {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Certificate chain and private key, in PEM. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** Connections beyond so many are closed at once. */
  readonly maxConnections: number;
  /** A handshake must be done after so many milliseconds. */
  readonly handshakeMs: number;
  /** Takes a new channel and returns who handles its events. */
  accept(channel: FrameChannel): FrameHandlers;
  /** Told of connections that failed before they were a channel. */
  onError(error: Error): void;
}

export interface FrameServer {
  readonly listening: Listening;
  /** Stops listening; channels that are open stay open and are their owner's to close. */
  close(): Promise<void>;
}

/** @throws FastChatError `portInUse`, or `badConfig` for a host or certificate that cannot be used */
export async function listenFrames(options: FrameServerOptions): Promise<FrameServer> {
  const server = createServer({
    ...options.tls,
    minVersion: "TLSv1.3",
    handshakeTimeout: options.handshakeMs,
  });
  server.maxConnections = options.maxConnections;
  server.on("secureConnection", (socket) => {
    let handlers: FrameHandlers | null = null;
    const channel = channelOverSocket(socket, options, {
      onFrame: (content) => handlers?.onFrame(content),
      onDrain: () => handlers?.onDrain(),
      onClose: (error) => handlers?.onClose(error),
    });
    handlers = options.accept(channel);
  });
  server.on("tlsClientError", (error) => options.onError(error));
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(error, options)));
    server.listen({ host: options.host, port: options.port, backlog: 4096 }, resolve);
  });
  server.removeAllListeners("error");
  server.on("error", (error) => options.onError(error));
  const { address, port } = server.address() as AddressInfo;
  return {
    listening: { host: address, port },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function listenError(error: NodeJS.ErrnoException, { host, port }: FrameServerOptions): FastChatError {
  if (error.code === "EADDRINUSE") {
    return new FastChatError("portInUse", `Port ${port} on ${host} is in use.`, undefined, { cause: error });
  }
  return new FastChatError(
    "badConfig",
    `Cannot listen on ${host}, port ${port}: ${error.message}.`,
    undefined,
    {
      cause: error,
    },
  );
}
