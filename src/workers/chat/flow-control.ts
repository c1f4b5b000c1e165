/**
 * When a session's socket is read: what clients send is bounded by the second, and by the room on the link to their account's
 * home.
 */
import type { Router } from "./router.js";
import type { Session } from "./session.js";

export class FlowControl {
  /** @param framesPerSecond of one session */
  constructor(
    private readonly framesPerSecond: number,
    private readonly router: Pick<Router, "isHomeFull">,
  ) {}

  /** A frame has come. A flood waits with its sender until the next second. */
  frameCame(session: Session): void {
    if (++session.frames === this.framesPerSecond) session.channel.pause();
  }

  /** Reads nothing more of the session until its account's home has caught up: messages to it are not bounded otherwise. */
  hold(session: Session): void {
    session.held = true;
    session.frames = this.framesPerSecond;
    session.channel.pause();
  }

  /**
   * Another second has begun.
   *
   * @returns whether the session is read in it
   */
  readOn(session: Session, now: number): boolean {
    if (session.held) {
      session.held = session.state.name === "open" && this.router.isHomeFull(session.state.account);
      // It may well speak; nobody listens.
      session.lastFrameAt = now;
      if (session.held) return false;
    }
    if (session.frames >= this.framesPerSecond) session.channel.resume();
    session.frames = 0;
    return true;
  }
}
