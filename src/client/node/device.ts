/** Everything that the client's core needs of a machine that runs Node. */
import { systemClock, systemRandom } from "../../node/clock.js";
import type { ServiceAddress } from "../../protocol/address.js";
import type { ClientPorts, OpaqueClient } from "../core/ports.js";
import type { DeviceHome } from "./home.js";
import { HttpsClient } from "./https.js";
import { OpaqueWorker } from "./opaque.js";
import { PostgresArchives } from "./own-archives.js";
import { ServiceTrust } from "./pin.js";
import { TlsTransport } from "./transport.js";

export interface DeviceOptions {
  readonly home: DeviceHome;
  readonly address: ServiceAddress;
  /** Called when a service's key is believed for being the first, before anything is sent to it. */
  readonly onFirstUse: (address: ServiceAddress, pin: Uint8Array) => void;
  /** Called when a certificate authority vouches for a key that is not the one remembered here, and it is believed. */
  readonly onAuthorityInstead?: (address: ServiceAddress, pin: Uint8Array) => void;
  /** Certificates in PEM that vouch for services, instead of those that Node knows. */
  readonly certificateAuthorities?: readonly string[];
  /** Shared by several devices of one process; it stays open when a device closes. */
  readonly opaque?: OpaqueClient;
}

export interface NodeDevice {
  readonly ports: ClientPorts;
  /** Releases what would keep the process alive; call it after `Client.close`. */
  close(): Promise<void>;
}

/** What a client holds at most for a service it talks to, and how long it waits for it. */
export const CONNECTION = {
  timeoutMs: 10_000,
  // More than the balancer lets anybody wait: 2 s to be admitted, and `databaseMs`. Whoever asks over a connection of which
  // only this half is left finds out by this.
  requestMs: 15_000,
  maxReplyBytes: 2 * 1024 * 1024,
  maxFrameBytes: 8 * 1024 * 1024,
  bufferBytes: 8 * 1024 * 1024,
} as const;

export async function openDevice(options: DeviceOptions): Promise<NodeDevice> {
  const { home, address, certificateAuthorities } = options;
  const trust = new ServiceTrust(address, await home.knownKey(address), async (key, news, pin) => {
    await home.rememberKey(address, key);
    if (news === "firstUse") options.onFirstUse(address, pin);
    else if (news === "authorityInstead") options.onAuthorityInstead?.(address, pin);
  });
  const connection = { ...CONNECTION, ...(certificateAuthorities ? { certificateAuthorities } : {}) };
  const transport = new TlsTransport(trust, connection);
  const http = new HttpsClient(trust, connection);
  const ownArchives = new PostgresArchives();
  // Costs nothing before the first password: threads start when they are needed.
  const ownOpaque = new OpaqueWorker();
  return {
    ports: {
      transport,
      ownArchives,
      http,
      opaque: options.opaque ?? ownOpaque,
      storage: home.storage,
      clock: systemClock,
      random: systemRandom,
    },
    async close() {
      transport.close();
      http.close();
      await ownArchives.close();
      await ownOpaque.close();
    },
  };
}
