/** Listens for frame channels over TLS 1.3. */
import type { AddressInfo, Socket } from "node:net";
import { createServer, type Server } from "node:tls";
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
  /**
   * Stops listening and breaks off unfinished handshakes. Channels that are open stay open and are their owner's to
   * close; the promise resolves when their sockets are closed.
   */
  close(): Promise<void>;
}

/** @throws FastChatError `portInUse`, or `badConfig` for a host or certificate that cannot be used */
export async function listenFrames(options: FrameServerOptions): Promise<FrameServer> {
  const server = createTlsServer(options);
  server.maxConnections = options.maxConnections;
  const handshakes = new Map<string, Socket>();
  server.on("connection", (socket: Socket) => {
    const peer = peerOf(socket);
    handshakes.set(peer, socket);
    socket.once("close", () => {
      if (handshakes.get(peer) === socket) handshakes.delete(peer);
    });
  });
  server.on("secureConnection", (socket) => {
    handshakes.delete(peerOf(socket));
    let handlers: FrameHandlers | null = null;
    const channel = channelOverSocket(socket, options, {
      onFrame: (content) => handlers?.onFrame(content),
      onDrain: () => handlers?.onDrain(),
      onClose: (error) => handlers?.onClose(error),
    });
    handlers = options.accept(channel);
  });
  server.on("tlsClientError", (error, socket) => {
    // Node itself leaves a connection open whose handshake took too long.
    socket.destroy();
    options.onError(error);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(error, options)));
    server.listen({ host: options.host, port: options.port, backlog: 4096 }, resolve);
  });
  server.removeAllListeners("error");
  server.on("error", (error: Error) => options.onError(error));
  const { address, port } = server.address() as AddressInfo;
  return {
    listening: { host: address, port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of handshakes.values()) socket.destroy();
      }),
  };
}

function createTlsServer({ tls, handshakeMs }: FrameServerOptions): Server {
  try {
    return createServer({ ...tls, minVersion: "TLSv1.3", handshakeTimeout: handshakeMs });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FastChatError("badConfig", `The certificate cannot be used: ${reason}.`, undefined, { cause });
  }
}

/** Names the two sockets, the plain one and the one that decrypts it, that are one connection. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
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
