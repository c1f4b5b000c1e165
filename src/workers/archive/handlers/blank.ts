import { MAX_BLANK_SPAN } from "../../../protocol/archive.js";
import { FastChatError } from "../../../protocol/errors.js";
import type { Caller, HandlerContext, ReplyOf, RequestOf } from "./context.js";

/**
 * Takes what they sealed from a chat's entries.
 *
 * @throws FastChatError `badRequest` for counters that are none, or too many at once
 */
export async function blank(
  { store, ask }: HandlerContext,
  { archive }: Caller,
  { ref, chat, from, to }: RequestOf<"blank">,
): Promise<ReplyOf<"blanked">> {
  if (from < 1 || to < from || to - from >= MAX_BLANK_SPAN) {
    throw new FastChatError("badRequest", `At most ${MAX_BLANK_SPAN} entries are deleted at once.`);
  }
  const count = await ask(() => store.blank({ archive, chat, from, to }));
  return { type: "blanked", ref, count };
}
