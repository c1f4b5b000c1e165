/** One message to many sessions: what they share goes once over the link to each of their servers. */
import type { ServerId } from "../../protocol/ids.js";
import type { DeliverMany, LinkMessage } from "../../protocol/link.js";
import type { Attachment, FanOut } from "./mailbox-ports.js";

export class ServerFanOut implements FanOut {
  readonly #perServer = new Map<ServerId, DeliverMany["to"][number][]>();

  /**
   * @param header of a `deliver` frame
   * @param envelope a view that need not last beyond {@link send}
   */
  constructor(
    private readonly header: Uint8Array,
    private readonly envelope: Uint8Array,
  ) {}

  add({ server, session }: Attachment, entry: Uint8Array): void {
    const there = this.#perServer.get(server);
    if (there === undefined) this.#perServer.set(server, [{ session, entry }]);
    else there.push({ session, entry });
  }

  /** Sends what was gathered. */
  send(send: (to: ServerId, message: LinkMessage) => void): void {
    const { header, envelope } = this;
    for (const [server, to] of this.#perServer) send(server, { type: "deliverMany", to, header, envelope });
  }
}
