import { checkToken } from "../tokens.js";
import type { HandlerContext, ReplyOf, RequestOf } from "./context.js";

/** @throws FastChatError `noSuchArchive`, for an unknown id and for a wrong token */
export async function open(
  { store, ask, idleMs }: HandlerContext,
  { ref, archive, token }: RequestOf<"open">,
): Promise<ReplyOf<"opened">> {
  const { counter, revision } = checkToken(await ask(() => store.find(archive)), token);
  return { type: "opened", ref, counter, revision, idleMs };
}
