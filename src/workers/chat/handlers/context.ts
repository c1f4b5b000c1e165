/** What the handlers of a chat server's frames may do. */
import type { ServerMessage } from "../../../protocol/chat.js";
import type { TicketClaims } from "../../../protocol/grants.js";
import type { AccountId, ServerId, SessionNumber } from "../../../protocol/ids.js";
import type { LinkMessage } from "../../../protocol/link.js";
import type { Config } from "../../../config.js";
import type { Dispatcher } from "../dispatcher.js";
import type { GroupRegistry } from "../group-registry.js";
import type { GroupSends } from "../group-sends.js";
import type { LoadMeter } from "../load-meter.js";
import type { OpenState, Session } from "../session.js";

export interface HandlerContext {
  readonly id: ServerId;
  readonly limits: Config["limits"];
  readonly timeouts: Config["timeouts"];
  readonly dispatcher: Dispatcher;
  readonly groups: Pick<GroupRegistry, "append" | "events" | "epoch">;
  readonly groupSends: GroupSends;
  readonly meter: LoadMeter;
  /** @throws FastChatError `badTicket` */
  verifyTicket(ticket: Uint8Array): Promise<TicketClaims>;
  reply(session: Session, message: ServerMessage): void;
  /** Logs what is a defect. */
  failed(error: unknown): void;
  /** Makes a session open, under a number of its own. */
  open(session: Session, state: OpenState, ticketNonce: Uint8Array): SessionNumber;
  /** Asks the account's home to deliver to the session. */
  attach(session: Session): void;
  /**
   * Sends to the home of an account, wherever it is in the present view; dropped where there is none.
   *
   * @returns whether the link there has room for more
   */
  toHome(account: AccountId, message: LinkMessage): boolean;
  /** Reads on from the session only once the link to its account's home has room. */
  hold(session: Session): void;
}
