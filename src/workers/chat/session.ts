/**
 * One client's connection to a chat server: a state machine apart from its socket (PROTOCOL.md, "Sessions").
 *
 * ```
 * awaitingHello ──hello──▶ verifying ──ticket is good──▶ open ──▶ closed
 * ```
 */
import { serverMessages, type ServerMessage } from "../../protocol/chat.js";
import type { AccountId, DeviceId, SessionNumber } from "../../protocol/ids.js";
import type { FrameChannel, Random } from "../../protocol/runtime.js";

/**
 * Whether an open session takes deliveries.
 * `wanted`: attached, or to be attached as soon as a view says where. `parked`: it does not read, so its account's
 * mailbox was told to leave it out; it is attached again once its socket has drained.
 */
export type Delivery = "none" | "wanted" | "parked";

export type SessionState =
  | { readonly name: "awaitingHello" }
  | { readonly name: "verifying" }
  | {
      readonly name: "open";
      readonly account: AccountId;
      readonly device: DeviceId;
      readonly delivery: Delivery;
    }
  | { readonly name: "closed" };

export type OpenState = Extract<SessionState, { name: "open" }>;

export interface Session {
  /** Unique on this server; 0 until the session is open. */
  number: SessionNumber;
  readonly channel: FrameChannel;
  /** Unique on this server, and new whenever deliveries begin anew; 0 until they do. */
  attachment: SessionNumber;
  state: SessionState;
  /** When the last frame came, or the connection was made, in milliseconds. */
  lastFrameAt: number;
  /** Frames taken since the second began. */
  frames: number;
  /** Whether nothing more is read until the account's home has caught up. */
  held: boolean;
  /** Messages in and out since they were last reported. */
  messages: number;
  /** When it must have gone to the server that it was told to move to, in milliseconds; `null` if it may stay. */
  leaveBy: number | null;
  /** Requests that are being answered. */
  asking: number;
  /** Messages and bytes taken and not answered by `accepted` yet. */
  unaccepted: number;
  unacceptedBytes: number;
}

export function newSession(channel: FrameChannel, now: number): Session {
  return {
    number: 0,
    attachment: 0,
    channel,
    state: { name: "awaitingHello" },
    lastFrameAt: now,
    frames: 0,
    held: false,
    messages: 0,
    leaveBy: null,
    asking: 0,
    unaccepted: 0,
    unacceptedBytes: 0,
  };
}

/** @param isTaken whether a session, or an attachment of one, has that number just now */
export function newSessionNumber(random: Random, isTaken: (number: SessionNumber) => boolean): SessionNumber {
  for (;;) {
    const number = new DataView(random.bytes(4).buffer).getUint32(0);
    if (number !== 0 && !isTaken(number)) return number;
  }
}

export function reply(session: Session, message: ServerMessage): void {
  session.channel.send(serverMessages.encode(message));
}
