import type { Caller, HandlerContext, ReplyOf, RequestOf } from "./context.js";
import { pageReply } from "./page-reply.js";

/** Reads forward, oldest first. */
export async function after(
  { store, ask, pageBytes }: HandlerContext,
  { archive }: Caller,
  { ref, chat, after: from, limit }: RequestOf<"after">,
): Promise<ReplyOf<"page">> {
  const page = await ask(() =>
    store.page({ archive, chat, direction: "after", from, limit, maxBytes: pageBytes }),
  );
  return pageReply(ref, page);
}
