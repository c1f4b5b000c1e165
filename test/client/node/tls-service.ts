/** Real TLS listeners on loopback, with certificates made for the test. */
import { X509Certificate } from "node:crypto";
import { createServer as createHttps } from "node:https";
import type { RequestListener } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { generate } from "selfsigned";
import { certificatePin, ServiceTrust, type KnownKey, type TrustNews } from "../../../src/client/node/pin.js";

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly pin: Uint8Array;
}

/** @param host what the certificate is for */
export async function makeCertificate(host = "127.0.0.1", authority?: Certificate): Promise<Certificate> {
  const made = await generate([{ name: "commonName", value: host }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    extensions: [
      {
        name: "subjectAltName",
        altNames: [/^[\d.]+$/.test(host) ? { type: 7, ip: host } : { type: 2, value: host }],
      },
    ],
    ...(authority === undefined ? {} : { ca: { cert: authority.cert, key: authority.key } }),
  });
  return { cert: made.cert, key: made.private, pin: certificatePin(new X509Certificate(made.cert)) };
}

export async function makeAuthority(): Promise<Certificate> {
  const made = await generate([{ name: "commonName", value: "Authority of the test" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, critical: true },
    ],
  });
  return { cert: made.cert, key: made.private, pin: certificatePin(new X509Certificate(made.cert)) };
}

export interface TestListener {
  readonly port: number;
  /** How many TLS connections were made. */
  readonly connections: () => number;
  /** Every byte that came, decrypted. */
  readonly received: () => Buffer;
  close(): Promise<void>;
}

/** Speaks HTTPS by `handler`. */
export async function listenHttps(
  certificate: Certificate,
  handler: RequestListener,
  port = 0,
): Promise<TestListener> {
  return follow(createHttps({ cert: certificate.cert, key: certificate.key }, handler), port);
}

/** Hands every TLS connection to `accept`. */
export async function listenTls(
  certificate: Certificate,
  accept: (socket: TLSSocket) => void = () => undefined,
): Promise<TestListener> {
  const server = createServer({ cert: certificate.cert, key: certificate.key }, accept);
  return follow(server, 0);
}

async function follow(server: Server, port: number): Promise<TestListener> {
  const open = new Set<Socket>();
  const chunks: Buffer[] = [];
  let connections = 0;
  server.on("secureConnection", (socket: TLSSocket) => {
    connections += 1;
    open.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => open.delete(socket));
    socket.prependListener("data", (chunk: Buffer) => chunks.push(chunk));
  });
  server.on("tlsClientError", () => undefined);
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    received: () => Buffer.concat(chunks),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

export interface Learned {
  readonly key: KnownKey;
  readonly news: TrustNews | null;
}

/** Trust in a service on loopback, and what it learned. */
export function trustIn(
  port: number,
  {
    pin = null,
    known = null,
    host = "127.0.0.1",
  }: { pin?: Uint8Array | null; known?: KnownKey | null; host?: string } = {},
): { trust: ServiceTrust; learned: Learned[] } {
  const learned: Learned[] = [];
  const trust = new ServiceTrust({ host, port, pin }, known, (key, news) => {
    learned.push({ key, news });
    return Promise.resolve();
  });
  return { trust, learned };
}
