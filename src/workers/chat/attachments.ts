/**
 * Which sessions take deliveries (PROTOCOL.md, "Sessions"): each is attached to its account's mailbox, wherever that is at home,
 * detached when it does not read, and attached again when it does.
 */
import type { AccountId, SessionNumber } from "../../protocol/ids.js";
import type { LoadMeter } from "./load-meter.js";
import type { Router } from "./router.js";
import { reply, type OpenState, type Session } from "./session.js";
import { movedAlong, type ViewPath } from "./view-path.js";

export interface AttachmentsPorts {
  readonly meter: Pick<LoadMeter, "messageOut">;
  readonly router: Pick<Router, "toHome" | "view">;
  /** One that no session and no attachment has. */
  newNumber(): SessionNumber;
}

export class Attachments {
  /** By the number under which homes know them. */
  readonly #attached = new Map<SessionNumber, Session>();

  constructor(private readonly ports: AttachmentsPorts) {}

  has(number: SessionNumber): boolean {
    return this.#attached.has(number);
  }

  /** The client asks for its deliveries. */
  want(session: Session): void {
    if (session.state.name !== "open" || session.state.delivery !== "none") return;
    this.#start(session, session.state);
  }

  /** A home's message for one of them. */
  deliver(number: SessionNumber, frame: Uint8Array): void {
    const session = this.#attached.get(number);
    if (session?.state.name !== "open" || session.state.delivery !== "wanted") return;
    session.messages++;
    this.ports.meter.messageOut(frame.length);
    if (session.channel.send(frame)) return;
    // It does not read: its messages take the way through the database until it does, and nobody else's do.
    const { account } = session.state;
    session.state = { ...session.state, delivery: "parked" };
    this.#detach(session, account);
  }

  /** The home has sent it all that waited. */
  live(number: SessionNumber): void {
    const session = this.#attached.get(number);
    if (session !== undefined) reply(session, { type: "live" });
  }

  /** It has read all that was sent to it. */
  drained(session: Session): void {
    if (session.state.name !== "open" || session.state.delivery !== "parked") return;
    this.#start(session, session.state);
  }

  /** It is over. */
  gone(session: Session, { account, delivery }: OpenState): void {
    if (delivery === "wanted") this.#detach(session, account);
  }

  /** Attaches those anew whose account's home is another one, or another start of it. */
  activate(path: ViewPath, sessions: Iterable<Session>): void {
    for (const session of sessions) {
      if (session.state.name !== "open" || session.state.delivery !== "wanted") continue;
      const { account } = session.state;
      if (movedAlong(path, account)) this.#attach(session, account);
    }
  }

  /**
   * Attaches under a number that is new each time. What a home sent before it heard that the session does not read
   * may still come, behind frames that were left out: it must not count as delivered to a session that reads again.
   */
  #start(session: Session, state: OpenState): void {
    session.attachment = this.ports.newNumber();
    this.#attached.set(session.attachment, session);
    session.state = { ...state, delivery: "wanted" };
    this.#attach(session, state.account);
  }

  #attach({ attachment }: Session, account: AccountId): void {
    const { router } = this.ports;
    router.toHome(account, { type: "attach", account, session: attachment, view: router.view });
  }

  #detach({ attachment }: Session, account: AccountId): void {
    this.#attached.delete(attachment);
    this.ports.router.toHome(account, { type: "detach", account, session: attachment });
  }
}
