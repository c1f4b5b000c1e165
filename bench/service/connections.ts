/** The client's own ways to a service, for as many devices as a bench has: HTTPS to the balancer, TLS to chat servers. */
import { Balancer } from "../../src/client/core/balancer.js";
import type { HttpClient, Transport } from "../../src/client/core/ports.js";
import { CONNECTION } from "../../src/client/node/device.js";
import { HttpsClient } from "../../src/client/node/https.js";
import { ServiceTrust } from "../../src/client/node/pin.js";
import { TlsTransport } from "../../src/client/node/transport.js";
import type { ServiceAddress } from "../../src/protocol/address.js";
import type { Placement, SignedIn } from "../../src/protocol/http.js";

export class Connections {
  readonly #trust: ServiceTrust;
  readonly #open: { close(): void }[] = [];

  constructor(address: ServiceAddress) {
    this.#trust = new ServiceTrust(address, null, () => Promise.resolve());
  }

  /** HTTPS connections of their own, as each device has them. */
  http(): HttpClient {
    const http = new HttpsClient(this.#trust, CONNECTION);
    this.#open.push(http);
    return http;
  }

  /** A device's way to chat servers. */
  transport(): Transport {
    const transport = new TlsTransport(this.#trust, CONNECTION);
    this.#open.push(transport);
    return transport;
  }

  /** How a device asks for a place. */
  placer({ token }: SignedIn): () => Promise<Placement> {
    const balancer = new Balancer(this.http(), token);
    return () => balancer.place();
  }

  close(): void {
    for (const one of this.#open) one.close();
  }
}
