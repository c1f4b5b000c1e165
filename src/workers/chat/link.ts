/** How chat servers reach each other. A network transport can stand in for MessagePorts behind this interface. */
import type { ServerId } from "../../protocol/ids.js";
import type { LinkMessage } from "../../protocol/link.js";

export interface Link {
  /**
   * Sends to another server, in order. A message to a server that is not linked is dropped: whoever waits for an
   * answer sends again when the view changes.
   */
  send(to: ServerId, message: LinkMessage): void;
  /**
   * Whether more than the window is on its way to that server. A `forward` beyond it waits here, in order; whoever
   * would send a `deliver` should take it to the database instead. Everything else always passes.
   */
  full(to: ServerId): boolean;
  /** Servers that are linked. */
  peers(): Iterable<ServerId>;
}

/** What a link tells its owner. */
export interface LinkHandlers {
  onMessage(from: ServerId, message: LinkMessage): void;
  /** The other server is gone, or has started anew; nothing more comes from that start of it. */
  onPeerGone(peer: ServerId): void;
}
