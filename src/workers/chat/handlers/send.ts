import { FastChatError } from "../../../protocol/errors.js";
import { entrySpans, frameAccount, frameCount, frameEpoch, hasHotHeader } from "../../../protocol/hot.js";
import type { OpenState, Session } from "../session.js";
import type { HandlerContext } from "./context.js";

/** The largest wrapped key: RSA of 8192 bits. */
const MAX_WRAPPED_KEY_BYTES = 1024;

/**
 * A message: checked for form, sender and window, then given to the homes of its recipients; one that names an epoch is a
 * group's, and is held to its membership first.
 */
export function sendOnSession(
  context: HandlerContext,
  session: Session,
  state: OpenState,
  frame: Uint8Array,
): void {
  if (!hasHotHeader(frame)) throw new FastChatError("badFrame", "A message ends within its header.");
  if (frameAccount(frame) !== state.account) {
    throw new FastChatError("forbidden", "A message names a sender who is not the one signed in.");
  }
  const count = frameCount(frame);
  if (count > context.limits.maxRecipients) {
    throw new FastChatError(
      "tooLarge",
      `A message names ${count} recipients; at most ${context.limits.maxRecipients} are allowed.`,
    );
  }
  checkEntries(frame, count);
  const { dispatcher, groupSends, limits } = context;
  const { sendWindow, sendWindowBytes, unsettledBytes } = limits;
  const cost = frame.length;
  if (session.unaccepted >= sendWindow || session.unacceptedBytes + cost > sendWindowBytes) {
    throw new FastChatError(
      "tooMany",
      `More than ${sendWindow} messages, or ${sendWindowBytes} bytes, were sent that are not accepted yet.`,
    );
  }
  if (dispatcher.bytes + groupSends.bytes + frame.length > unsettledBytes) {
    throw new FastChatError("tooMany", "This server has too many messages on their way; connect again.");
  }
  session.unaccepted++;
  session.unacceptedBytes += cost;
  session.messages++;
  context.meter.messageIn(frame.length);
  // The frame that is being dealt with is the session's last.
  const takenAt = session.lastFrameAt;
  if (frameEpoch(frame) === 0) dispatcher.dispatch(session.number, frame, takenAt);
  else groupSends.take(session.number, frame, takenAt);
}

/** @throws FastChatError `badFrame` where entries do not fit, a key is too long or a recipient is named twice */
function checkEntries(frame: Uint8Array, count: number): void {
  const spans = entrySpans(frame);
  if (count > 1 && new Set(spans.map(({ recipient }) => recipient)).size !== count) {
    throw new FastChatError("badFrame", "A message names a recipient twice.");
  }
  for (const { start, end } of spans) {
    if (end - start > MAX_WRAPPED_KEY_BYTES)
      throw new FastChatError("badFrame", "A wrapped key is too long.");
  }
}
