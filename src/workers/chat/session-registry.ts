/** Who is connected to a chat server: connections without a session yet, and open sessions by their number. */
import { toHex } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId, ConversationId, DeviceId, SessionNumber } from "../../protocol/ids.js";
import type { Clock, FrameChannel, Log } from "../../protocol/runtime.js";
import type { ConnectedSession, SessionEnd, SessionMove, ToBalancer } from "../../protocol/threads.js";
import type { LoadMeter } from "./load-meter.js";
import { newSession, reply, type OpenState, type Session } from "./session.js";

export interface SessionRegistryOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Pick<LoadMeter, "ended">;
  /** The most connections, those without a session included. */
  readonly most: number;
  /** How long a session may stay that was told to move, in milliseconds. */
  readonly moveMs: number;
  readonly newNumber: () => SessionNumber;
  readonly tellBalancer: (message: ToBalancer) => void;
  /** A session that was open is over, and takes nothing any more. */
  readonly onGone: (session: Session, state: OpenState) => void;
}

const REVOKED: Readonly<Record<SessionEnd, string>> = {
  notSignedIn: "This device was logged out.",
  suspended: "This account is suspended.",
};

export class SessionRegistry {
  readonly #open = new Map<SessionNumber, Session>();
  /** Connections without a session yet. */
  readonly #arriving = new Set<Session>();
  #stopping = false;

  constructor(private readonly options: SessionRegistryOptions) {}

  /** Open sessions. */
  get size(): number {
    return this.#open.size;
  }

  find(number: SessionNumber): Session | undefined {
    return this.#open.get(number);
  }

  /** Open sessions, in the order in which they were opened; those that end meanwhile are left out. */
  open(): Iterable<Session> {
    return this.#open.values();
  }

  arriving(): Iterable<Session> {
    return this.#arriving;
  }

  /** A client's connection has come; where no more are taken, it is ended. */
  arrive(channel: FrameChannel): Session {
    const session = newSession(channel, this.options.clock.now());
    if (this.#stopping || this.#open.size + this.#arriving.size >= this.options.most) {
      this.end(
        session,
        new FastChatError("unavailable", "This server takes no more connections; connect again."),
      );
    } else {
      this.#arriving.add(session);
    }
    return session;
  }

  /** Makes a session of a connection whose ticket is good, under a number of its own. */
  admit(session: Session, state: OpenState, nonce: Uint8Array): SessionNumber {
    this.#arriving.delete(session);
    session.channel.admit();
    session.number = this.options.newNumber();
    session.state = state;
    this.#open.set(session.number, session);
    const { account, device } = state;
    this.options.tellBalancer({
      type: "connected",
      session: { session: session.number, account, device },
      nonce: toHex(nonce),
    });
    return session.number;
  }

  /** Tells the client why, and ends its session. */
  end(session: Session, { code, message }: FastChatError): void {
    if (session.state.name === "closed") return;
    this.options.meter.ended(code);
    this.options.log.debug({ session: session.number, code, message }, "session ended");
    reply(session, { type: "closing", code, message: message.slice(0, 500) });
    this.gone(session);
    session.channel.close();
  }

  /** Its connection is over. */
  gone(session: Session): void {
    const { state } = session;
    if (state.name === "closed") return;
    session.state = { name: "closed" };
    this.#arriving.delete(session);
    if (state.name !== "open") return;
    this.#open.delete(session.number);
    this.options.onGone(session, state);
    this.options.tellBalancer({ type: "disconnected", session: session.number });
  }

  /** Ends all connections, and takes none from now on. */
  endAll(error: FastChatError): void {
    this.#stopping = true;
    for (const session of [...this.#open.values(), ...this.#arriving]) this.end(session, error);
  }

  /** Ends the sessions of devices that may not go on. */
  revoke(devices: readonly DeviceId[], why: SessionEnd): void {
    const revoked = new Set(devices);
    for (const session of [...this.#open.values()]) {
      if (session.state.name === "open" && revoked.has(session.state.device)) {
        this.end(session, new FastChatError(why, REVOKED[why]));
      }
    }
  }

  /** Tells a session where to go on. One that has ended since is known to the balancer as such, or will be soon. */
  move({ session: number, server, host, port, ticket }: SessionMove): void {
    const session = this.#open.get(number);
    if (session === undefined) return;
    session.leaveBy ??= this.options.clock.now() + this.options.moveMs;
    reply(session, { type: "move", server, host, port, ticket });
  }

  /** A hint to those who are connected here; whoever is not asks when they are. */
  tellGroupChanged(group: ConversationId, epoch: number, accounts: readonly AccountId[]): void {
    const concerned = new Set(accounts);
    for (const session of this.#open.values()) {
      if (session.state.name === "open" && concerned.has(session.state.account)) {
        reply(session, { type: "groupChanged", group, epoch });
      }
    }
  }

  /** Every open session, for a balancer that does not know them yet. */
  connected(): ConnectedSession[] {
    return [...this.#open.values()].flatMap(({ number, state }) =>
      state.name === "open" ? [{ session: number, account: state.account, device: state.device }] : [],
    );
  }
}
