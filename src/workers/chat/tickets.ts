/** Admission to a chat server: the balancer's tickets, each good once, for one start of one server (PROTOCOL.md, "Tickets"). */
import { toHex } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import { TICKET_LABEL, decodeTicketClaims, splitGrant, type TicketClaims } from "../../protocol/grants.js";
import type { Incarnation, ServerId } from "../../protocol/ids.js";

export interface TicketOffice {
  /** @throws FastChatError `badTicket`, the same for every cause but for its text in the log */
  verify(ticket: Uint8Array): Promise<TicketClaims>;
}

export interface TicketOfficeOptions {
  readonly server: ServerId;
  readonly incarnation: Incarnation;
  /** Checks the balancer's signature over label and claims. */
  readonly verifySignature: (label: string, claims: Uint8Array, signature: Uint8Array) => Promise<boolean>;
  readonly now: () => number;
}

export function ticketOffice(options: TicketOfficeOptions): TicketOffice {
  const used = new UsedNonces();
  return {
    async verify(ticket) {
      const { claims: bytes, signature } = splitGrant(ticket);
      if (!(await options.verifySignature(TICKET_LABEL, bytes, signature))) {
        throw new FastChatError("badTicket", "The ticket was not signed by this service's balancer.");
      }
      const claims = decodeTicketClaims(bytes);
      if (claims.server !== options.server || claims.incarnation !== options.incarnation) {
        throw new FastChatError(
          "badTicket",
          "The ticket is for another server, or for another start of this one.",
        );
      }
      const now = options.now();
      if (claims.expiresAt <= now) throw new FastChatError("badTicket", "The ticket has expired.");
      if (!used.add(toHex(claims.nonce), claims.expiresAt, now)) {
        throw new FastChatError("badTicket", "The ticket was used before.");
      }
      return claims;
    },
  };
}

/**
 * Nonces seen, remembered until their tickets expire; only tickets that the balancer signed get here, so that its
 * rate of placement bounds how many there are. What a restart forgets does not matter: tickets name the start.
 */
class UsedNonces {
  readonly #expiry = new Map<string, number>();

  /** @returns false for one that was there */
  add(nonce: string, expiresAt: number, now: number): boolean {
    for (const [old, expired] of this.#expiry) {
      // In the order of use, which is nearly that of expiry.
      if (expired > now) break;
      this.#expiry.delete(old);
    }
    if (this.#expiry.has(nonce)) return false;
    this.#expiry.set(nonce, expiresAt);
    return true;
  }
}
