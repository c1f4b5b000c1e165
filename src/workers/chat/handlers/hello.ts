import { PROTOCOL_VERSION, type ClientMessage } from "../../../protocol/chat.js";
import { FastChatError } from "../../../protocol/errors.js";
import type { Session } from "../session.js";
import type { HandlerContext } from "./context.js";

/** The first message of a connection: verifies the ticket, opens the session, and attaches it if it asks. */
export async function helloOnSession(
  context: HandlerContext,
  session: Session,
  hello: Extract<ClientMessage, { type: "hello" }>,
): Promise<void> {
  if (session.state.name !== "awaitingHello") {
    throw new FastChatError("badFrame", "A second hello came on one connection.");
  }
  if (hello.version !== PROTOCOL_VERSION) {
    throw new FastChatError(
      "badVersion",
      `The client speaks version ${hello.version} of the protocol, this server version ${PROTOCOL_VERSION}.`,
    );
  }
  session.state = { name: "verifying" };
  const claims = await context.verifyTicket(hello.ticket);
  // The connection may have ended while its ticket was looked at.
  if ((session.state as Session["state"]).name !== "verifying") return;
  const { account, device, nonce } = claims;
  const number = context.open(session, { name: "open", account, device, delivery: "none" }, nonce);
  context.reply(session, {
    type: "welcome",
    server: context.id,
    session: number,
    idleMs: context.timeouts.idleMs,
    maxFrameBytes: context.limits.maxFrameBytes,
    sendWindow: context.limits.sendWindow,
    sendWindowBytes: context.limits.sendWindowBytes,
  });
  if (hello.attach) context.attach(session);
}
