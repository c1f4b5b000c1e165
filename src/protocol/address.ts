/** Addresses that people type and share: `fastchat://host:port#pin`. */
import { fromBase64Url, toBase64Url } from "./bytes.js";
import { FastChatError } from "./errors.js";

export const DEFAULT_PORT = 7440;

export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
  /** SHA-256 of the certificate's SubjectPublicKeyInfo (RFC 7469, section 2.4), where the address names one. */
  readonly pin: Uint8Array | null;
}

/** @throws FastChatError `badRequest` saying what an address looks like */
export function parseAddress(text: string): ServiceAddress {
  const match =
    /^fastchat:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/?(?:#([A-Za-z0-9_-]+))?$/.exec(
      text.trim(),
    );
  const port = match?.[2] === undefined ? DEFAULT_PORT : Number(match[2]);
  const pin = match?.[3] ? fromBase64Url(match[3]) : null;
  const badPin = Boolean(match?.[3]) && pin?.length !== 32;
  // The URL's parser knows which brackets hold an IPv6 address, and which numbers are an IPv4 one.
  const badHost = !URL.canParse(`http://${match?.[1]}`);
  if (match === null || badHost || port < 1 || port > 65535 || badPin) {
    throw new FastChatError(
      "badRequest",
      `"${text}" is not a server address; one looks like fastchat://127.0.0.1:${DEFAULT_PORT} or fastchat://host:port#pin.`,
    );
  }
  return { host: (match[1] as string).replace(/^\[|\]$/g, ""), port, pin };
}

export function formatAddress({ host, port, pin }: ServiceAddress): string {
  const shown = host.includes(":") ? `[${host}]` : host;
  return `fastchat://${shown}:${port}${pin === null ? "" : `#${toBase64Url(pin)}`}`;
}
