/** What a client may send, and who answers it. */
import { clientMessages } from "../../../protocol/chat.js";
import { FastChatError } from "../../../protocol/errors.js";
import { Kind, frameKind } from "../../../protocol/hot.js";
import { MAX_GROUP_EVENT_BYTES } from "../../../protocol/groups.js";
import type { OpenState, Session } from "../session.js";
import { ackOnSession } from "./ack.js";
import type { HandlerContext } from "./context.js";
import { groupRequestOnSession } from "./groups.js";
import { helloOnSession } from "./hello.js";
import { sendOnSession } from "./send.js";

/**
 * Deals with one frame of a session.
 *
 * @returns a promise only where the frame takes time, so that the hot kinds never wait for one
 * @throws FastChatError that ends the session
 */
export function frameOnSession(
  context: HandlerContext,
  session: Session,
  frame: Uint8Array,
): Promise<void> | undefined {
  switch (frameKind(frame)) {
    case Kind.send:
      sendOnSession(context, session, opened(session), frame);
      return undefined;
    case Kind.ack:
      ackOnSession(context, session, opened(session), frame);
      return undefined;
    case Kind.control:
      return controlOnSession(context, session, frame);
    case Kind.accepted:
    case Kind.deliver:
      throw new FastChatError("badFrame", "A client does not send frames of that kind.");
    case null:
      throw new FastChatError("badFrame", `Frames of kind ${frame[0]} are not known here.`);
  }
}

function controlOnSession(
  context: HandlerContext,
  session: Session,
  frame: Uint8Array,
): Promise<void> | undefined {
  const { maxControlBytes } = context.limits;
  // An event of a group names all of its members, where it makes one.
  const most = session.state.name === "open" ? maxControlBytes + MAX_GROUP_EVENT_BYTES : maxControlBytes;
  if (frame.length > most) throw tooLong();
  const message = clientMessages.decode(frame);
  if (frame.length > maxControlBytes && message.type !== "groupAppend") throw tooLong();
  switch (message.type) {
    case "hello":
      return helloOnSession(context, session, message);
    case "attach":
      opened(session);
      context.attach(session);
      return undefined;
    case "ping":
      opened(session);
      context.reply(session, { type: "pong", ref: message.ref });
      return undefined;
    case "pong":
      // That it came is all it says.
      opened(session);
      return undefined;
    case "groupLog":
    case "groupAppend":
    case "groupHeads":
      return groupRequestOnSession(context, session, opened(session), message);
  }
}

function tooLong(): FastChatError {
  return new FastChatError("badFrame", "A control message is too long.");
}

function opened(session: Session): OpenState {
  if (session.state.name !== "open") {
    throw new FastChatError("notSignedIn", "The first message of a connection must be a hello.");
  }
  return session.state;
}
