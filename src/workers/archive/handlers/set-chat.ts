import { FastChatError } from "../../../protocol/errors.js";
import { toldChat } from "./chats.js";
import type { Caller, HandlerContext, ReplyOf, RequestOf } from "./context.js";

/**
 * Writes the note on a chat. A note is not a message: while the database is away it is refused, and its client tries again.
 *
 * @throws FastChatError `badRequest` where no entry stands under that tag
 */
export async function setChat(
  { store, ask, followers }: HandlerContext,
  caller: Caller,
  { ref, chat, version, note }: RequestOf<"setChat">,
): Promise<ReplyOf<"chatSet">> {
  const outcome = await ask(() => store.setChat(caller.archive, chat, { version, sealed: note }));
  if (outcome.type === "noSuchChat") {
    throw new FastChatError("badRequest", "The archive has no entry of that chat.");
  }
  const written = outcome.type === "written";
  if (written) followers.wake(caller.archive, caller);
  return { type: "chatSet", ref, chat: toldChat(outcome.chat), written };
}
