import type { Caller, HandlerContext, ReplyOf, RequestOf } from "./context.js";
import { pageReply } from "./page-reply.js";

/** Reads backwards, newest first. */
export async function before(
  { store, ask, pageBytes }: HandlerContext,
  { archive }: Caller,
  { ref, chat, before: from, limit }: RequestOf<"before">,
): Promise<ReplyOf<"page">> {
  const page = await ask(() =>
    store.page({ archive, chat, direction: "before", from, limit, maxBytes: pageBytes }),
  );
  return pageReply(ref, page);
}
