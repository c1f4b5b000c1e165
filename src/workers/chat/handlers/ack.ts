import { FastChatError } from "../../../protocol/errors.js";
import { HOT_HEADER_BYTES, frameAccount, frameMessage } from "../../../protocol/hot.js";
import type { OpenState, Session } from "../session.js";
import type { HandlerContext } from "./context.js";

/** The client has a message in its account's archive: its home may settle and forget it. */
export function ackOnSession(
  context: HandlerContext,
  session: Session,
  state: OpenState,
  frame: Uint8Array,
): void {
  if (frame.length !== HOT_HEADER_BYTES) {
    throw new FastChatError("badFrame", "An acknowledgement is not of its length.");
  }
  const { account } = state;
  const room = context.toHome(account, {
    type: "ack",
    recipient: account,
    sender: frameAccount(frame),
    message: frameMessage(frame),
  });
  if (!room) context.hold(session);
}
