/** Ends sessions whose time is up: no hello came, they were to move and stayed, or nothing is heard of them. */
import type { Config } from "../../config.js";
import { FastChatError } from "../../protocol/errors.js";
import type { FlowControl } from "./flow-control.js";
import type { SessionRegistry } from "./session-registry.js";

export class SessionTimeouts {
  constructor(
    private readonly sessions: SessionRegistry,
    private readonly flow: FlowControl,
    private readonly timeouts: Pick<Config["timeouts"], "helloMs" | "idleMs">,
  ) {}

  /** This server slept so long: what clients sent meanwhile lies in their sockets, unread. */
  allowFor(lateMs: number): void {
    for (const session of [...this.sessions.arriving(), ...this.sessions.open()]) {
      session.lastFrameAt += lateMs;
      if (session.leaveBy !== null) session.leaveBy += lateMs;
    }
  }

  /** A second has passed. */
  tick(now: number): void {
    const { helloMs, idleMs } = this.timeouts;
    for (const session of this.sessions.arriving()) {
      if (now - session.lastFrameAt > helloMs) {
        this.sessions.end(session, new FastChatError("timeout", "No hello came in time."));
      }
    }
    for (const session of this.sessions.open()) {
      if (session.leaveBy !== null && now > session.leaveBy) {
        this.sessions.end(
          session,
          new FastChatError("unavailable", "This session was to move; connect again."),
        );
        continue;
      }
      // Who is not read cannot be heard.
      if (!this.flow.readOn(session, now)) continue;
      if (now - session.lastFrameAt > idleMs) {
        this.sessions.end(
          session,
          new FastChatError("timeout", "Nothing was heard from this client for too long."),
        );
      }
    }
  }
}
