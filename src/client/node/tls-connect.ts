/** The one way out to the service: TLS 1.3, and nothing is sent or read before the certificate was judged. */
import { isIP } from "node:net";
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import { FastChatError } from "../../protocol/errors.js";
import type { Endpoint } from "../core/ports.js";
import { certificatePin, serviceName, type ServiceTrust } from "./pin.js";

export interface ConnectOptions {
  /** For connecting and the handshake together. */
  readonly timeoutMs: number;
  /** Certificates in PEM that vouch for services, instead of those that Node knows. */
  readonly certificateAuthorities?: readonly string[];
}

/** One context for all connections of a process: making one reads every root certificate. */
let sharedContext: SecureContext | undefined;

function contextFor({ certificateAuthorities }: ConnectOptions): SecureContext {
  if (certificateAuthorities !== undefined) {
    return createSecureContext({ minVersion: "TLSv1.3", ca: [...certificateAuthorities] });
  }
  return (sharedContext ??= createSecureContext({ minVersion: "TLSv1.3" }));
}

/**
 * @param signal ends the attempt; it then fails with `unreachable`
 * @returns a connected socket that reads nothing yet
 * @throws FastChatError `unreachable`, `timeout`, `pinMismatch`
 */
export async function connectTls(
  endpoint: Endpoint,
  trust: ServiceTrust,
  options: ConnectOptions,
  signal?: AbortSignal,
): Promise<TLSSocket> {
  const socket = connect({
    host: endpoint.host,
    port: endpoint.port,
    ...(isIP(endpoint.host) === 0 ? { servername: endpoint.host } : {}),
    secureContext: contextFor(options),
    // The verdict is ours, below: most services have a certificate that no authority knows.
    rejectUnauthorized: false,
    checkServerIdentity: (_host, certificate) =>
      checkServerIdentity(endpoint.host, certificate) === undefined
        ? undefined
        : checkServerIdentity(trust.address.host, certificate),
  });
  socket.setNoDelay(true);
  const cancel = (): void => void socket.destroy();
  signal?.addEventListener("abort", cancel);
  try {
    if (signal?.aborted) cancel();
    await handshake(socket, endpoint, options.timeoutMs);
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) throw unreachable(endpoint, "it shows no certificate");
    await trust.check({ pin: certificatePin(certificate), vouched: socket.authorized });
    if (socket.destroyed) throw unreachable(endpoint, "it closed the connection");
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
}

function handshake(socket: TLSSocket, endpoint: Endpoint, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new FastChatError("timeout", `${serviceName(endpoint)} did not answer within ${timeoutMs} ms.`));
      socket.destroy();
    }, timeoutMs);
    socket.once("secureConnect", () => {
      clearTimeout(timer);
      resolve();
    });
    // Stays for the socket's life: an error that nobody listens to would end the process.
    socket.on("error", (error: NodeJS.ErrnoException) =>
      reject(unreachable(endpoint, reasonOf(error), error)),
    );
    socket.once("close", () => {
      clearTimeout(timer);
      reject(unreachable(endpoint, "it closed the connection"));
    });
  });
}

export function unreachable(endpoint: Endpoint, reason: string, cause?: unknown): FastChatError {
  return new FastChatError(
    "unreachable",
    `${serviceName(endpoint)} cannot be reached: ${reason}.`,
    undefined,
    cause === undefined ? undefined : { cause },
  );
}

/** What a person understands of a socket's error. */
export function reasonOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ECONNREFUSED":
      return "nothing listens there";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "no such host is known";
    case "ENETUNREACH":
    case "EHOSTUNREACH":
      return "there is no way to that host";
    case "ECONNRESET":
    case "EPIPE":
      return "it closed the connection";
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return "what listens there does not speak TLS 1.3";
    default:
      return error.code ?? "the connection failed";
  }
}
